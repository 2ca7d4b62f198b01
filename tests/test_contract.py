"""Contracts are read strictly: every fault is told at once, with file, key and reason, and no setting goes unread."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from connectors.contract import ContractError, DatasetExtension, discover, load_contract
from connectors.contract.load import contract_files
from connectors.contract.model import (
    CellValue,
    ColumnExtension,
    FileLayout,
    HeaderLayout,
    RowLayout,
    RowRule,
    Unpivot,
)
from tests.support.contract_faults import (
    FAULTS,
    FILE,
    HARGA,
    QUALITY,
    Document,
    H,
    check,
    column,
    dataset,
    setting,
    settings,
    several,
    sound,
    table,
    top,
    without,
    write,
)
from warehouse.lint import lint

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = contract_files([ROOT / "connectors"])


def faults(path: Path) -> dict[str, str]:
    return {p.key: p.reason for p in lint([path])}


def test_a_sound_contract_has_no_fault(tmp_path: Path) -> None:
    assert faults(write(tmp_path, sound())) == {}


@pytest.mark.parametrize(("change", "key", "reason"), FAULTS, ids=[f"{key}: {reason}" for _, key, reason in FAULTS])
def test_a_fault_is_told_with_its_key_and_reason(
    tmp_path: Path, change: Callable[[Document], None], key: str, reason: str
) -> None:
    document = sound()
    change(document)
    path = write(tmp_path, document)
    found = [p for p in lint([path]) if p.key == key and reason in p.reason]
    assert found, "\n".join(map(str, lint([path])))
    assert found[0].file == "uji/harga.odcs.yaml"


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """One of each kind, also beside a wrong type, a column that cannot be read and a setting that is unknown."""
    document = sound()
    wrong = {
        "judul", "team.anggota", "schema[0].properties[2].required", "slaProperties[0].unit", "customProperties.jadwal",
        "customProperties.jadwall", f"{H}.classification", f"{H}.customProperties.kosng", f"{HARGA}.huruf",
        "schema.properties[3].name", "schema.quality", "schema[0].quality[1].engine", "version",
    }  # fmt: skip
    for change in (
        top(judul="x", team={"name": "x", "anggota": []}, version=None),
        top(slaProperties=[{"property": "latency", "value": 1, "unit": "h"}]),
        dataset(jadwal="0 6", jadwall="x"),
        column(2, required="mungkin", classification="rahasia"),
        setting(2, kosng=["-"], huruf="besar"),
        table(quality=[check("ada_baris"), check() | {"engine": ["x"]}]),
    ):
        change(document)
    document["schema"][0]["properties"].append({"name": "Tidak Rapi", "logicalType": "string", "description": "x"})
    assert wrong <= set(faults(write(tmp_path, document)))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (dataset(mode="jendla"), "customProperties.mode"),
        (dataset(mode=None, partisi=None), "customProperties.partisi"),
        (dataset(partisi=["harian"]), "customProperties.partisi"),
    ],
)
def test_a_needed_setting_that_is_wrong_or_missing_hides_no_other_fault(
    tmp_path: Path, change: Callable[[Document], None], key: str
) -> None:
    document = sound()
    several(
        change,
        dataset(jadwal="0 6"),
        table(quality=[check(column="hrga", min_value=1)]),
        column(0, classification="internal", primaryKey=False),
        column(2, classification="private"),
    )(document)
    assert {
        key, "customProperties.jadwal", "customProperties.retensi_bulan", "schema.properties(tanggal).primaryKey",
        f"{QUALITY}.implementation.kwargs",
    } <= set(faults(write(tmp_path, document)))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (dataset(mode="jendla"), {"mode"}),
        (dataset(mode="berkass", berkas=FILE), {"mode"}),
        (dataset(mode="acuan ", berkas={"berkas": "a.csv"}), {"mode"}),
        (several(dataset(partisi="tungal"), without(0, "partitioned")), {"partisi"}),
        (dataset(partisi=None, mode=None), {"partisi", "mode"}),
        (dataset(mode="berkas", berkas={"pola": 5}), {"berkas.pola"}),
        (several(dataset(retensi_bulan=0), column(2, classification="private")), {"retensi_bulan"}),
        (several(dataset(profil={"rata": 5}), table(quality=[check(tingkat="partisi", column="rata", min_value=1)])),
         {"profil.rata"}),
        (lambda d: d["customProperties"].append({"value": 5}), {"None"}),
    ],
)  # fmt: skip
def test_what_stands_for_a_setting_that_cannot_be_read_is_no_fault_of_its_own(
    tmp_path: Path, change: Callable[[Document], None], keys: set[str]
) -> None:
    document = sound()
    change(document)
    assert set(faults(write(tmp_path, document))) == {f"customProperties.{key}" for key in keys}


def test_a_file_that_cannot_be_read_is_one_fault_and_the_others_are_still_told(tmp_path: Path) -> None:
    first = sound()
    del first["schema"][0]["properties"][2]["description"]
    write(tmp_path, first)
    broken = {"rusak": "a: [1, 2", "daftar": "[1, 2]", "kosong": "", "biner": "a: \u0000"}
    for name, text in broken.items():
        write(tmp_path, text, name)
    with pytest.raises(ContractError) as caught:
        discover([tmp_path])
    told = {(p.file, p.key) for p in caught.value.problems}
    assert told == {(f"uji/{name}.odcs.yaml", "(file)") for name in broken} | {
        ("uji/harga.odcs.yaml", f"{H}.description")
    }


def test_a_key_that_stands_twice_is_a_fault_though_yaml_keeps_the_last(tmp_path: Path) -> None:
    text = yaml.safe_dump(sound()) + "domain: lain\n"
    path = write(tmp_path, text)
    line = text.count("\n")
    assert faults(path) == {f"(line {line}) domain": "stands twice in one mapping"}
    with pytest.raises(ContractError, match=rf"uji/harga.odcs.yaml: \(line {line}\) domain: stands twice"):
        load_contract(path)


def test_a_folder_that_is_no_name_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "Kantor Uji" / "harga.odcs.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(sound()))
    assert "'Kantor Uji', which is not a snake_case name" in faults(path)["(file)"]


# --- every setting is read, described, and in the schema for editors -------------------------------------------------

DATASET_SETTINGS: dict[str, Any] = {
    "partisi": "bulanan",
    "mode": "berkas",
    "tarik_ulang_hari": 7,
    "jendela_maks_hari": 92,
    "hari_kerja": True,
    "boleh_kosong": True,
    "jadwal": "15 6,18 1-15/2 * 1-5",
    "baris": {"di": ["data", "rows"], "amplop": ["status"], "bidang_lain": ["no"], "pola": [r"^\d{2}$"]},
    "berkas": {
        "berkas": "reference/x.csv",
        "pola": "*.xlsx",
        "format": "xlsx",
        "lembar": "Laporan",
        "encoding": "cp1252",
        "pemisah": ";",
        "judul": {"baris": 4, "tinggi": 2},
        "berhenti": ["^NIP"],
        "total": "^Jumlah",
        "lebur": {"kolom_nama": "tanggal", "kolom_nilai": "harga", "pola": r"^\d"},
        "isi_dari": {"pasar": {"sel": "B3", "regex": "Pasar: (.+)"}},
        "isi_tetap": {"pasar": "Semua"},
        "slot": ["pasar"],
    },
    "profil": {"cakupan": "count(harga)"},
    "aturan_baris": [{"nama": "positif", "sql": "harga > 0", "keterangan": "Harga positif", "tingkat": "catat"}],
    "ambang_karantina": 0.25,
    "retensi_bulan": 60,
    "lisensi": "CC-BY-4.0",
    "dasar_publikasi": "SK Gubernur",
    "topik": ["pangan"],
}
COLUMN_SETTINGS: dict[str, Any] = {
    "format": ["%d/%m/%Y"],
    "lokal": "ribuan_titik",
    "kosong": ["-"],
    "nol_kosong": True,
    "satuan": "Rp",
    "sistem_kode": "bps",
    "nama_wilayah": "pasar",
    "acak": "hmac",
    "baku": "nopol",
    "turunan": True,
    "opsional": True,
    "huruf": "besar",
}
NESTED: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (DatasetExtension, DATASET_SETTINGS),
    (ColumnExtension, COLUMN_SETTINGS),
    (RowLayout, DATASET_SETTINGS["baris"]),
    (FileLayout, DATASET_SETTINGS["berkas"]),
    (HeaderLayout, DATASET_SETTINGS["berkas"]["judul"] | {"cari": "Uraian"}),
    (Unpivot, DATASET_SETTINGS["berkas"]["lebur"]),
    (CellValue, DATASET_SETTINGS["berkas"]["isi_dari"]["pasar"]),
    (RowRule, DATASET_SETTINGS["aturan_baris"][0]),
]


@pytest.mark.parametrize(("model", "values"), NESTED, ids=[m.__name__ for m, _ in NESTED])
def test_every_setting_is_read_as_it_is_written_and_described(model: type[BaseModel], values: dict[str, Any]) -> None:
    assert values.keys() == model.model_fields.keys(), "a new setting is to be added here"
    read = model.model_validate(values)
    dumped = json.loads(read.model_dump_json(exclude_unset=True))
    assert dumped == values
    for name, info in model.model_fields.items():
        assert info.description, f"{model.__name__}.{name} is not described"
        assert info.is_required() or getattr(read, name) != info.get_default(call_default_factory=True), name


def test_settings_reach_the_contract(tmp_path: Path) -> None:
    document = sound()
    given = {"tarik_ulang_hari": 7, "boleh_kosong": True, "profil": {"cakupan": "count(harga)"}, "retensi_bulan": 12}
    dataset(**given)(document)
    plate = {"name": "nopol", "logicalType": "string", "description": "Plat", "physicalName": "no_polisi"}
    document["schema"][0]["properties"].append(plate | {"customProperties": settings(acak="hmac", baku="nopol")})
    contract = load_contract(write(tmp_path, document))
    assert {name: getattr(contract.ext, name) for name in given} == given
    column_ = contract.column("nopol")
    assert (column_.wire, column_.classification, column_.ext.baku) == ("no_polisi", "private", "nopol")
    assert (contract.primary_key, contract.partition_column, contract.has_private) == (
        ("tanggal", "pasar"), "tanggal", True,
    )  # fmt: skip
    assert contract.column("harga").sql_type == "DECIMAL(18,2)"


def test_the_order_of_a_key_is_its_positions(tmp_path: Path) -> None:
    document = sound()
    several(column(0, primaryKeyPosition=2), column(1, primaryKeyPosition=1))(document)
    assert load_contract(write(tmp_path, document)).primary_key == ("pasar", "tanggal")


def test_the_schemas_for_editors_are_those_of_the_code(tmp_path: Path) -> None:
    done = cli("contract", "schema", str(tmp_path))
    assert done.returncode == 0
    made = {p.name: p.read_text() for p in tmp_path.iterdir()}
    kept = {p.name: p.read_text() for p in (ROOT / "docs").glob("*.schema.json")}
    assert made == kept, "ssp contract schema docs"
    assert len(kept) == 4


def test_the_schemas_for_editors_accept_what_is_shipped() -> None:
    schema = {n: json.loads((ROOT / f"docs/contract-{n}.schema.json").read_text()) for n in ("dataset", "column")}
    for path in SHIPPED:
        document = yaml.safe_load(path.read_text())
        jsonschema.validate({p["property"]: p["value"] for p in document["customProperties"]}, schema["dataset"])
        for raw in document["schema"][0]["properties"]:
            own = {p["property"]: p["value"] for p in raw.get("customProperties") or ()}
            jsonschema.validate(own, schema["column"])


# --- what is shipped, and the command --------------------------------------------------------------------------------


def cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from ssp_pipeline.cli import main; main()", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_shipped_contract_is_without_fault() -> None:
    assert [str(p) for p in lint(SHIPPED)] == []
    assert len(SHIPPED) > 30
    assert len({c.id for c in discover([ROOT / "connectors"])}) == len(SHIPPED)


def opened_wrongly(folder: Path) -> None:
    """An open dataset with a field that no form has and a SELECT that is none, and a SELECT without a contract."""
    folder.mkdir(parents=True)
    source = ROOT / "connectors" / "referensi" / "open_data" / "referensi_wilayah.odcs.yaml"
    text = source.read_text(encoding="utf-8").replace("keg.penyelenggara", "keg.hobi")
    text = text.replace("referensi_wilayah", "wilayah").replace("referensi.open_data", "uji.open_data")
    (folder / "wilayah.odcs.yaml").write_text(text, encoding="utf-8")
    (folder / "wilayah.sql").write_text("DELETE FROM core.dim_wilayah", encoding="utf-8")
    (folder / "lepas.sql").write_text("SELECT 1 AS a", encoding="utf-8")


def test_the_linter_of_the_command_line_tells_all_and_exits_with_2(tmp_path: Path) -> None:
    clean = cli("contract", "lint")
    opened = len(list(ROOT.glob("connectors/*/open_data/*.odcs.yaml")))
    counted = f"{len(SHIPPED)} kontrak dan {opened} data terbuka diperiksa, 0 kesalahan"
    assert (clean.returncode, clean.stdout.splitlines()[-1]) == (0, counted)
    document = sound()
    several(column(2, classification="rahasia"), dataset(jadwal="0 6"))(document)
    write(tmp_path, document)
    write(tmp_path, "a: [", "rusak")
    opened_wrongly(tmp_path / "uji" / "open_data")
    found = cli("contract", "lint", SSP_CONNECTORS=str(tmp_path))
    assert found.returncode == 2
    lines = found.stdout.splitlines()
    assert f"uji/harga.odcs.yaml: {H}.classification: public, internal or private" in lines
    assert any(line.startswith("uji/harga.odcs.yaml: customProperties.jadwal: ") for line in lines)
    assert any(line.startswith("uji/rusak.odcs.yaml: (file): ") for line in lines)
    assert "uji/open_data/wilayah.odcs.yaml: customProperties.sdi.keg.hobi: no form has it" in lines
    assert any(line.startswith("uji/open_data/wilayah.odcs.yaml: (sql): ") for line in lines)
    assert any(line.startswith("uji/open_data/lepas.sql: (file): no contract beside it") for line in lines)
    told = json.loads(cli("contract", "lint", "--json", SSP_CONNECTORS=str(tmp_path)).stdout)
    assert told["berkas"] == len(SHIPPED) + 2
    assert {
        "file": "uji/harga.odcs.yaml",
        "key": f"{H}.classification",
        "reason": "public, internal or private",
    } in told["kesalahan"]


def test_sql_and_bounds_that_could_not_run_are_told_at_once_with_file_key_and_reason(tmp_path: Path) -> None:
    document = sound()
    several(
        dataset(
            aturan_baris=[{"nama": "putus", "sql": "harga <=", "keterangan": "Harga"}],
            profil={"rata": "avg(harga)", "banyak": "count(DISTINCT hrga)"},
        ),
        table(quality=[check(column="harga", min_value="abc")]),
    )(document)
    write(tmp_path, document)
    told = json.loads(cli("contract", "lint", "--json", SSP_CONNECTORS=str(tmp_path)).stdout)["kesalahan"]
    assert {p["file"] for p in told} == {"uji/harga.odcs.yaml"}
    reasons = {p["key"]: p["reason"] for p in told}
    assert reasons.pop(f"{QUALITY}.implementation.kwargs.min_value") == "'abc' is not a number"
    assert reasons.pop("customProperties.aturan_baris.0.sql") == 'Parser Error: syntax error at or near ")"'
    assert reasons.pop("customProperties.profil.banyak").startswith('Binder Error: Referenced column "hrga" not found')
    assert reasons == {}


def test_a_contract_does_not_change_by_being_copied(tmp_path: Path) -> None:
    """The digest is that of the file's bytes; reading does not depend on where the file lies."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (load_contract(write(tmp_path / n, copy.deepcopy(sound()))) for n in "ab")
    assert first.digest == second.digest
    assert first.schema() == second.schema()
