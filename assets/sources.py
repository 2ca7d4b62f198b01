"""One Dagster asset for each contract: it pulls, checks and commits its partitions.

Belongs here: what Dagster is told about a dataset and its runs. Does not belong here: the steps (`ingest.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.ingest import Ingest
from assets.partitions import partitions_of
from assets.settle import Progress
from assets.timeliness import expected_newest
from assets.workspace import Workspace
from connectors.contract import Agency, Contract
from warehouse.ops import Outcome

OpenWorkspace = Callable[[], Workspace]

BLOCKING_CHECK = "mutu_kritis"
WARNING_CHECK = "mutu_peringatan"
NEWEST_CHECK = "partisi_terbaru"

_FREQUENCY = {"harian": 1, "bulanan": 31, "tahunan": 366, "tunggal": 7}


def source_key(contract: Contract) -> dg.AssetKey:
    """Asset key of a dataset: schema and table, as in the lake."""
    return dg.AssetKey(["source", contract.table])


def source_asset(
    contract: Contract,
    agency: Agency,
    open_workspace: OpenWorkspace,
    *,
    retries: bool,
    on_outcomes: Callable[[Contract, Sequence[Outcome]], None] | None = None,
    progress: Progress | None = None,
) -> dg.AssetsDefinition:
    """The asset of a contract. `retries`: whether a failed pull is tried again by Dagster after some minutes."""
    key = source_key(contract)
    pull_retries = dg.RetryPolicy(max_retries=3, delay=120, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)

    @dg.asset(
        key=key,
        partitions_def=partitions_of(contract),
        backfill_policy=dg.BackfillPolicy.single_run() if contract.ext.partisi != "tunggal" else None,
        retry_policy=pull_retries if retries else None,
        pool=f"instansi_{contract.agency}",
        group_name=contract.agency,
        description=_description(contract),
        kinds={"duckdb", "parquet"},
        owners=[f"team:{_slug(agency.opd or agency.instansi)}"],
        code_version=contract.digest,
        metadata=_static_metadata(contract),
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(days=_FREQUENCY[contract.ext.partisi]) + contract.latency + timedelta(days=1)
        ),
        check_specs=[
            dg.AssetCheckSpec(
                BLOCKING_CHECK, asset=key, blocking=True, description="Semua pemeriksaan yang memblokir partisi lulus"
            ),
            dg.AssetCheckSpec(WARNING_CHECK, asset=key, description="Pemeriksaan yang hanya dicatat"),
            dg.AssetCheckSpec(NEWEST_CHECK, asset=key, description="Partisi terbaru adalah yang diharapkan"),
        ],
    )
    def pull_check_commit(context: dg.AssetExecutionContext) -> Iterator[Any]:
        workspace = open_workspace()
        partitioned = contract.ext.partisi != "tunggal"
        partitions = [date.fromisoformat(k) for k in context.partition_keys] if partitioned else []
        ingest = Ingest(workspace, run_id=context.run_id[:12], progress=progress)
        outcomes = ingest.run(contract, partitions)
        if on_outcomes:
            on_outcomes(contract, outcomes)
        bad = [o for o in outcomes if not o.ok]
        yield _critical(key, outcomes, bad)
        yield _warning(key, workspace, contract, outcomes)
        yield _newest(key, workspace, contract)
        metadata = _run_metadata(outcomes)
        if bad:
            good = [o for o in outcomes if o.ok and not o.partisi.startswith("berkas:")]
            for outcome in good if contract.ext.partisi != "tunggal" else ():
                context.log_event(dg.AssetMaterialization(key, partition=outcome.partisi, metadata=metadata))
            only_pulls = all(o.status == "gagal_tarik" for o in bad)
            raise dg.Failure(_summary(contract, bad), allow_retries=only_pulls, metadata=metadata)
        yield dg.MaterializeResult(metadata=metadata)

    return pull_check_commit


def _description(contract: Contract) -> str:
    parts = [contract.title, contract.description, f"Butiran: {contract.granularity}", contract.limitations]
    return "\n\n".join(p for p in parts if p)


def _slug(text: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(p for p in kept.split("-") if p) or "ssp"


def _static_metadata(contract: Contract) -> dict[str, Any]:
    columns = [
        dg.TableColumn(
            c.name,
            c.sql_type,
            description=c.description,
            constraints=dg.TableColumnConstraints(nullable=not c.required),
            tags={"klasifikasi": c.classification},
        )
        for c in contract.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/table_name": f"source.{contract.table}",
        "instansi": contract.agency,
        "kontrak": f"{contract.id} v{contract.version}",
        "jadwal": contract.ext.jadwal,
    }


def _run_metadata(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "dagster/partition_row_count": sum(o.diterima for o in outcomes),
        "ditarik": sum(o.ditarik for o in outcomes),
        "diterima": sum(o.diterima for o in outcomes),
        "dikarantina": sum(o.dikarantina for o in outcomes),
        "versi_baru": sum(o.status == "diterima" for o in outcomes),
        "asal": ", ".join(sorted({o.asal for o in outcomes if o.asal})),
    }


def _summary(contract: Contract, bad: Sequence[Outcome]) -> str:
    shown = "; ".join(f"{o.partisi} {o.status}: {o.alasan} {o.rincian}".strip() for o in bad[:5])
    more = f" (dan {len(bad) - 5} lagi)" if len(bad) > 5 else ""
    return f"{contract.id}: {len(bad)} partisi tidak diterima, versi lama tetap berlaku. {shown}{more}"


def _critical(key: dg.AssetKey, outcomes: Sequence[Outcome], bad: Sequence[Outcome]) -> dg.AssetCheckResult:
    blocked = [o for o in bad if o.status in ("diblokir", "gagal_baca", "cakupan_kurang")]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=BLOCKING_CHECK,
        passed=not blocked,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"partisi": len(outcomes), "diblokir": [f"{o.partisi}: {o.alasan}" for o in blocked[:20]]},
    )


def _warning(
    key: dg.AssetKey, workspace: Workspace, contract: Contract, outcomes: Sequence[Outcome]
) -> dg.AssetCheckResult:
    runs = sorted({o.run_id for o in outcomes})
    noted = workspace.lake.query(
        "SELECT pemeriksaan, sum(jumlah_gagal) AS n FROM lake.ops.pemeriksaan "
        "WHERE dataset = ? AND run_id IN (SELECT unnest(?)) AND beratnya = 'catat' AND hasil <> 'lulus' GROUP BY 1",
        [contract.id, runs],
    )
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=WARNING_CHECK,
        passed=noted.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"dicatat": {str(n): int(c) for n, c in noted.iter_rows()}},
    )


def _newest(key: dg.AssetKey, workspace: Workspace, contract: Contract) -> dg.AssetCheckResult:
    expected = expected_newest(contract, workspace.today)
    newest = workspace.lake.query(
        "SELECT max(partisi) AS p FROM lake.ops.hasil WHERE dataset = ? AND status IN ('diterima', 'kosong')",
        [contract.id],
    )["p"][0]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=NEWEST_CHECK,
        passed=newest is not None and (expected is None or newest >= expected),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"diharapkan": expected or "satu partisi", "terbaru": newest or "belum ada"},
    )
