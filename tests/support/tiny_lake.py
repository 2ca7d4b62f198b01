"""A lake of two small datasets and one model, written straight through `Lake.commit`, for tests of what comes after.

Run as a module it publishes a snapshot of the lake in the folder it is given, so that a test can kill it.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from connectors.contract import Contract
from tests.support.reading import column, make_contract
from warehouse import ops, snapshot
from warehouse.build import Builder
from warehouse.duck import LakeConfig
from warehouse.lake import Lake
from warehouse.modelling import Model, load_model
from warehouse.stage import content_digest

MODEL = """/* ---
description: Jumlah harga per hari
grain: Satu baris per tanggal
partition: tanggal
columns:
  tanggal: {description: Tanggal (WIB), classification: public}
  jumlah: {description: Jumlah harga, satuan: Rp, classification: internal}
  rahasia: {description: Tidak untuk siapa pun}
  asal_data: {description: Asal data, classification: public}
--- */
SELECT tanggal, sum(harga) AS jumlah, any_value(nik) AS rahasia, any_value(_asal) AS asal_data
FROM source.uji__harga GROUP BY tanggal
"""


class TinyLake:
    """`uji.harga` has the private column `nik` and the text code `kode`; `uji.stok` is written together with it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.snapshots = home / "snapshots"
        self.lake = Lake(
            LakeConfig(
                f"sqlite:{home / 'lake' / 'catalog.sqlite'}", str(home / "lake" / "data"), home / "lake" / "kunci"
            )
        )
        day = column("tanggal", "date", key=True, required=True, partisi=True)
        self.harga = make_contract(
            home / "kontrak",
            day | {"primaryKeyPosition": 1, "partitionKeyPosition": 1},
            column("kode", key=True, required=True) | {"primaryKeyPosition": 2},
            column("harga", "decimal", satuan="Rp/kg"),
            column("nik", klas="private", acak="hmac"),
            dataset="harga",
        )
        self.stok = make_contract(
            home / "kontrak",
            day | {"primaryKeyPosition": 1, "partitionKeyPosition": 1},
            column("harga", "decimal"),
            dataset="stok",
        )
        path = home / "kontrak" / "uji" / "models" / "core.fct_jumlah.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(MODEL)
        self.model = load_model(path)

    @property
    def contracts(self) -> list[Contract]:
        return [self.harga, self.stok]

    @property
    def models(self) -> list[Model]:
        return [self.model]

    def put(self, contract: Contract, days: Sequence[date], price: int, *, rows: int = 2, run: str = "uji") -> None:
        """Replace some days by rows of one price, in one commit."""
        outcomes, frames = [], []
        for day in days:
            values = {
                "tanggal": [day] * rows,
                "kode": [f"12.{n}0" for n in range(1, rows + 1)],
                "harga": [Decimal(price)] * rows,
                "nik": ["a" * 32] * rows,
                "_payload": ["0" * 64] * rows,
                "_baris": list(range(rows)),
                "_asal": ["tiruan"] * rows,
            }
            schema = contract.schema()
            frame = pl.DataFrame({name: values[name] for name in schema}).cast(dict(schema))  # type: ignore[arg-type]
            now = datetime.now(UTC)
            outcomes.append(
                ops.Outcome(
                    run_id=run,
                    dataset=contract.id,
                    partisi=day.isoformat(),
                    status="diterima",
                    mulai=now,
                    selesai=now,
                    asal="tiruan",
                    ditarik=rows,
                    diterima=rows,
                    muatan=("0" * 64,),
                    digest_isi=content_digest(contract, frame),
                )
            )
            frames.append(frame)
        nothing = ops.frame("quarantine.baris", []), ops.frame("ops.pemeriksaan", [])
        self.lake.commit(contract, outcomes, pl.concat(frames), *nothing)

    def publish(self) -> snapshot.Made:
        Builder(self.lake, self.contracts, "uji").build(self.model)
        return snapshot.publish(self.lake, self.snapshots, self.contracts, self.models)


if __name__ == "__main__":
    print(TinyLake(Path(sys.argv[1])).publish().version)
