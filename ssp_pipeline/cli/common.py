"""What several commands share: opening the data of this installation, and answers as JSON, a table or blocks.

Does not belong here: a command.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from ssp_pipeline.screen import blocks, columns, table

if TYPE_CHECKING:
    from assets.workspace import Workspace
    from ssp_pipeline.settings import Settings

DATE = click.DateTime(["%Y-%m-%d"])
MONTH = click.DateTime(["%Y-%m"])


def print_json(facts: Any) -> None:
    """Write facts to stdout as indented JSON."""
    import orjson

    print(orjson.dumps(facts, default=str, option=orjson.OPT_INDENT_2).decode())


def print_table(rows: Sequence[Mapping[str, Any]], nothing: str = "tidak ada") -> None:
    """Write rows of the same keys to stdout as a table, or `nothing` where there are none."""
    if not rows:
        click.echo(nothing)
        return
    heads, lines = table(rows, columns())
    for head in heads:
        click.secho(head, bold=True)
    for line in lines:
        click.echo(line)


def print_blocks(rows: Sequence[Mapping[str, Any]], nothing: str = "tidak ada") -> None:
    """Write rows to stdout as blocks of a line for each value, or `nothing` where there are none."""
    for line in blocks(rows, columns()) if rows else [nothing]:
        click.echo(line)


@contextmanager
def writing() -> "Iterator[tuple[Settings, Workspace]]":
    """A workspace whose lake may be written. Raises ClickException when there is none yet, and as `explained` does."""
    from ssp_pipeline import app
    from ssp_pipeline.settings import load_settings

    settings = load_settings()
    if not settings.has_lake:
        raise click.ClickException("there is no lake yet; `ssp run` makes one")
    with closing(app.open_workspace(settings)) as workspace, explained():
        yield settings, workspace


@contextmanager
def looking() -> "Iterator[tuple[Settings, Workspace]]":
    """A workspace whose lake is open for reading: nobody waits for us, and we wait for no writer.

    Raises as `writing` does.
    """
    from warehouse.lake import Lake

    with writing() as (settings, workspace):
        workspace.lake = Lake(workspace.lake_config, read_only=True)
        yield settings, workspace


@contextmanager
def explained() -> Iterator[None]:
    """Says of storage that does not answer, or a damaged file of the lake, what to do, as a ClickException."""
    import duckdb

    from warehouse.lake import is_damaged_file, is_storage_fault

    try:
        yield
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        if is_storage_fault(str(error)):
            raise click.ClickException(f"the lake's storage does not answer: {first}") from None
        if is_damaged_file(str(error)):
            raise click.ClickException(
                f"a file of the lake is damaged or lost ({first}): `ssp verify` names all of them, and "
                "docs/operators.md says how they come back ('When verify finds a gap')"
            ) from None
        raise
