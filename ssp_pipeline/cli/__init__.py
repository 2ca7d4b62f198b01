"""The `ssp` command. Commands import what they need when they run, so that the command itself starts at once.

Exit codes: 0 all is well; 1 an unexpected error; 2 wrong usage or settings; 3 done, but some partitions were not
accepted, some open data were held back, a message was not delivered, or `ssp watch` sees trouble; 4 verification found
a gap; 5 the lake is busy.
"""

import gc
import sys
from importlib import import_module

import click

from connectors.call_stack import with_room

_COMMANDS = {
    "run": ("pull", "Pull, check and commit datasets, then build models and the snapshot"),
    "status": ("inspect", "Newest state of every dataset, and what needs attention"),
    "alerts": ("alerts", "Early warnings that hold now; what the rules would have said of past days"),
    "report": ("report", "The governor's reports: make, explain, note, hold, release, make again"),
    "sql": ("inspect", "Run SQL on the analysts' snapshot (table, CSV, JSON or Parquet out)"),
    "verify": ("inspect", "Recount everything from the archived bytes"),
    "quarantine": ("inspect", "Rows that were set aside: list, show, replay"),
    "replay": ("care", "Read archived payloads again, without network"),
    "forget": ("care", "Destroy the keys of payloads whose keeping period is over"),
    "maintain": ("care", "Merge small files, expire old lake snapshots, prune snapshots"),
    "contract": ("care", "Check contracts; write the JSON Schema of our extension"),
    "approve": ("open", "Approve what the next version of an open dataset opens or changes"),
    "waive": ("open", "Say why values that look like personal data are none"),
    "withdraw": ("open", "Withdraw a version of an open dataset"),
    "release": ("open", "Publish what changed in the lake and make a release of open data"),
    "deliver": ("deliver", "Send reports and early warnings that are due"),
    "watch": ("deliver", "Dead-man's switch for cron: tell when nothing runs any more"),
    "portal": ("portal", "Serve the open data: pages, downloads, CKAN's API, SQL"),
    "dashboard": ("command_centre", "Serve the command centre: the dashboards behind a login"),
    "user": ("user", "Local accounts of the command centre: add, list, disable, enable, password"),
    "sandbox": ("serve", "Run the stand-in agencies"),
    "up": ("serve", "Run Dagster's web server and daemon with the stand-ins"),
    "doctor": ("serve", "Check this installation and say what to do"),
}


class _Lazy(click.Group):
    """Imports the module of a command when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"ssp_pipeline.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def ssp() -> None:
    """Data platform of Sumut Smart Province: from the agencies' systems to checked, published data."""


@with_room
def main() -> None:
    """Entry point. Expected errors become one line on stderr and an exit code."""
    # Imports make no garbage, and looking for it again and again takes a quarter of their time.
    gc.set_threshold(100_000, 50, 100)
    try:
        code = ssp(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except click.exceptions.Abort:
        code = 130
    except Exception as error:
        code = _explain(error)
    # The process ends: searching all that it imported for cycles a last time would take a third of a second.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)


_EXPECTED = {
    "SettingsError": 2,
    "ContractError": 2,
    "ModelError": 2,
    "RuleError": 2,
    "RecipientsError": 2,
    "MissingSecret": 2,
    "UnsafeKeyFile": 2,
    "WrongMaster": 2,
    "LakeBusy": 5,
    "LakeSchemaError": 2,
    "LakeUnreachable": 2,
    "LakeWriteError": 2,
    "UnknownName": 2,
    "DecisionsDamaged": 2,
    "ReleaseError": 2,
    "CatalogueError": 2,
}


def _explain(error: Exception) -> int:
    name = type(error).__name__
    if name not in _EXPECTED:
        raise error
    click.echo(f"ssp: {error}", err=True)
    return _EXPECTED[name]
