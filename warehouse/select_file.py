"""A file with one SELECT over the lake that is no model: open datasets, charts and reports read through such files.

Belongs here: reading one with its front matter. Does not belong here: models and their build (`modelling.py`).
"""

import hashlib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from warehouse.modelling import _FRONT, FrontMatter, Model, ModelError, _parse, _tables

Head = TypeVar("Head", bound=FrontMatter)


def load_select(path: Path, table: str, kind: type[Head]) -> tuple[Head, Model]:
    """Read a SELECT with a front matter of the given kind; `table` is the name it goes by. Raises ModelError."""
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    text = path.read_text(encoding="utf-8")
    front = _FRONT.match(text)
    if not front:
        raise ModelError(f"{where}: starts with a front matter /* --- … --- */")
    try:
        head = kind.model_validate(yaml.safe_load(front["yaml"]))
    except (ValidationError, yaml.YAMLError) as error:
        raise ModelError(f"{where}: {error}") from None
    sql = front["sql"].strip().rstrip(";")
    inputs = frozenset(_tables(where, _parse(where, sql)))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return head, Model(table=table, sql=sql, head=head, inputs=inputs, digest=digest, path=path)
