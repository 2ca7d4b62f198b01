"""The SELECT of an open dataset: `open_data/<dataset>.sql`, plain SQL without a head, over the lake's tables.

Belongs here: reading it. Does not belong here: what its columns mean, which the contract beside it says.
"""

import hashlib

from warehouse.modelling import FrontMatter, Model, ModelError, tables_read
from warehouse.opendata.contract import OpenContract


def open_query(contract: OpenContract) -> Model:
    """The dataset's SELECT as a model named `terbuka.<dataset>`; its `inputs` are the tables it reads.

    Its digest changes with the SQL and with the contract. Raises ModelError, also when the file is missing.
    """
    path = contract.sql_path
    where = f"{contract.agency}/open_data/{path.name}"
    try:
        sql = path.read_text(encoding="utf-8").strip().rstrip(";")
    except FileNotFoundError:
        raise ModelError(f"{where}: missing; a contract and its SQL stand side by side") from None
    head = FrontMatter(description=contract.description, grain=contract.granularity)
    digest = hashlib.sha256(f"{sql}\n{contract.digest}".encode()).hexdigest()[:16]
    inputs = tables_read(where, sql)
    return Model(table=f"terbuka.{contract.name}", sql=sql, head=head, inputs=inputs, digest=digest, path=path)
