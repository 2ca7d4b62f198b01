"""A made-up office without an API: a contract and a file in the inbox, for tests that mend one or the other."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.workspace import Small

DATASET = "kantor.setoran"
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: kantor.setoran
name: Setoran harian
version: 1.0.0
status: active
domain: uji
description: {purpose: uji, limitations: "", usage: ""}
team: {name: Kantor Uji, members: [{username: uji@example.invalid, role: pemilik}]}
slaProperties:
  - {property: latency, value: 1, unit: d}
  - {property: frequency, value: 1, unit: d}
  - {property: retention, value: 1, unit: y}
customProperties:
  - {property: partisi, value: harian}
  - {property: mode, value: berkas}
  - {property: jadwal, value: "0 6 * * *"}
  - {property: ambang_karantina, value: 0.5}
  - {property: berkas, value: {pola: "*.csv", format: csv, pemisah: ",", judul: {baris: 1}, slot: [kode]}}
schema:
  - name: kantor__setoran
    description: Setoran
    dataGranularityDescription: Satu baris per tanggal dan kode
    properties:
      - {name: tanggal, logicalType: date, required: true, primaryKey: true, primaryKeyPosition: 1, partitioned: true,
         partitionKeyPosition: 1, classification: public, description: Tanggal,
         customProperties: [{property: format, value: [iso]}]}
      - {name: kode, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 2,
         classification: public, description: Kode}
      - {name: nilai, logicalType: number, physicalType: "DECIMAL(18,2)", classification: public, description: Nilai}
    quality:
      - {name: nilai_wajar, type: custom, engine: greatExpectations, severity: error, dimension: validity,
         description: Nilai wajar, implementation: {type: expect_column_values_to_be_between,
         kwargs: {column: nilai, min_value: 0, max_value: BATAS}}}
"""


def write_office(folder: Path, limit: int = 1_000_000) -> None:
    """The agency's folder below `folder`; amounts above `limit` go to quarantine."""
    office = folder / "kantor"
    office.mkdir(parents=True, exist_ok=True)
    (office / "agency.yaml").write_text(
        "{kode: kantor, nama: Kantor Uji, instansi: Kantor Uji, opd: Kantor Uji, url: '', laju: 1, secrets: []}"
    )
    (office / "setoran.odcs.yaml").write_text(_CONTRACT.replace("BATAS", str(limit)))


def deliver(small: Small, rows: Sequence[str], name: str = "setoran.csv") -> None:
    """Drop a file with these rows (`tanggal,kode,nilai`) into the office's inbox."""
    inbox = small.home / "inbox" / "kantor" / "tiruan"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_text("\n".join(["tanggal,kode,nilai", *rows]) + "\n")
