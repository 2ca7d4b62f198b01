"""A file with one SELECT over the lake that is no model: charts and reports read through such files.

Belongs here: reading one with its front matter. Does not belong here: models and their build (`modelling.py`), open
datasets, whose SQL has no front matter (`opendata/query.py`).
"""

import hashlib
from pathlib import Path

from warehouse.modelling import Head, Model, read_select, tables_read


def load_select(path: Path, table: str, kind: type[Head]) -> tuple[Head, Model]:
    """Read a SELECT with a front matter of the given kind; `table` is the name it goes by. Raises ModelError."""
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    head, sql = read_select(path, where, kind)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return head, Model(table=table, sql=sql, head=head, inputs=tables_read(where, sql), digest=digest, path=path)
