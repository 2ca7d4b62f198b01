"""One Dagster asset for each contract: it pulls, checks and commits its partitions.

Belongs here: what Dagster is told about a dataset and its runs. Does not belong here: the steps (`ingest.py`).
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from assets.ingest import Ingest
from assets.partitions import partitions_of
from assets.settle import Progress
from assets.timeliness import expected_newest, freshness_window
from assets.workspace import Workspace
from connectors.contract import Agency, Contract
from warehouse.ops import Outcome, here_by

# Beta and preview parameters are used on purpose and pinned by the lock; their warnings would drown real ones.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

OpenWorkspace = Callable[[], Workspace]

BLOCKING_CHECK = "mutu_kritis"
WARNING_CHECK = "mutu_peringatan"
NEWEST_CHECK = "partisi_terbaru"

PULL_RETRIES = dg.RetryPolicy(max_retries=3, delay=120, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
"""For pulls alone, and beyond the retries of each request: an agency that is down for minutes."""

_NOT_PULLED = frozenset({"gagal_tarik"})
_NOT_CHECKED = frozenset({"gagal_tarik", "gagal_simpan"})


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
    on_checked: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> dg.AssetsDefinition:
    """The asset of a contract. `retries`: whether a failed pull is tried again by Dagster after some minutes.
    `on_checked`: see `Ingest`.

    What is materialised are the partitions that were accepted or found unchanged, and no others. Inbox files say
    themselves which partitions they fill, so such an asset materialises what came instead of what was asked for.
    """
    key = source_key(contract)
    partitioned = contract.ext.partisi != "tunggal"
    from_files = partitioned and contract.ext.mode == "berkas"

    @dg.asset(
        key=key,
        partitions_def=partitions_of(contract),
        output_required=not from_files,
        backfill_policy=dg.BackfillPolicy.single_run() if partitioned else None,
        retry_policy=PULL_RETRIES if retries else None,
        pool=f"instansi_{contract.agency}",
        group_name=contract.agency,
        description=_description(contract),
        kinds={"duckdb", "parquet"},
        owners=[f"team:{_slug(agency.opd or agency.instansi)}"],
        code_version=contract.digest,
        metadata=_static_metadata(contract),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=freshness_window(contract)),
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
        partitions = [date.fromisoformat(k) for k in context.partition_keys] if partitioned else []
        if contract.ext.mode == "potret" and partitioned and partitions != [workspace.today]:
            raise dg.Failure(
                f"{contract.id} is a state of now: it can be pulled for {workspace.today} only", allow_retries=False
            )
        try:
            ingest = Ingest(workspace, run_id=context.run.run_id[:12], progress=progress, on_checked=on_checked)
            outcomes = ingest.run(contract, partitions)
        except Exception as error:
            # Asking the agency again is the only thing that a retry may mend, and a failed pull is no exception.
            raise dg.Failure(f"{contract.id}: {type(error).__name__}: {error}", allow_retries=False) from error
        if on_outcomes:
            on_outcomes(contract, outcomes)
        bad = [o for o in outcomes if not o.ok]
        if any(o.status not in _NOT_CHECKED for o in outcomes):
            yield _critical(key, outcomes, bad)
        yield _warning(key, workspace, contract, outcomes)
        yield _newest(key, workspace, contract, outcomes)
        metadata = _run_metadata(outcomes)
        good = {o.partisi: o for o in outcomes if o.ok and o.is_partition} if partitioned else {}
        if bad or from_files:
            for name, outcome in good.items():
                context.log_event(
                    dg.AssetMaterialization(key, partition=name, metadata=metadata | _rows(contract, outcome))
                )
        if bad:
            only_pulls = all(o.status in _NOT_PULLED for o in bad)
            raise dg.Failure(_summary(contract, bad), allow_retries=only_pulls, metadata=metadata)
        if from_files:
            return
        for name, outcome in good.items():
            context.add_asset_metadata(_rows(contract, outcome), partition_key=name)
        alone = [_rows(contract, o) for o in outcomes if o.is_partition] if not partitioned else []
        yield dg.MaterializeResult(metadata=metadata | (alone[0] if alone else {}))

    return pull_check_commit


def _rows(contract: Contract, outcome: Outcome) -> dict[str, Any]:
    """The row count of a partition, where the attempt has counted: the same payload as before is not read again."""
    if outcome.alasan == "muatan_sama" or outcome.status == "dikarantina":
        return {}
    name = "dagster/row_count" if contract.ext.partisi == "tunggal" else "dagster/partition_row_count"
    return {name: outcome.diterima}


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
    blocked = [o for o in bad if o.status not in _NOT_CHECKED]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=BLOCKING_CHECK,
        passed=not blocked,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "partisi": len(outcomes),
            "diblokir": [f"{o.partisi}: {o.alasan}" for o in blocked[:20]],
            "tidak_diperiksa": len(bad) - len(blocked),
        },
    )


def _warning(
    key: dg.AssetKey, workspace: Workspace, contract: Contract, outcomes: Sequence[Outcome]
) -> dg.AssetCheckResult:
    noted: dict[str, int] = {}
    if any(o.status in ("diterima", "diblokir", "cakupan_kurang") for o in outcomes):
        found = workspace.lake.query(
            "SELECT pemeriksaan, CAST(sum(jumlah_gagal) AS BIGINT) AS n FROM lake.ops.pemeriksaan "
            "WHERE dataset = ? AND run_id = ? AND beratnya = 'catat' AND hasil <> 'lulus' GROUP BY 1 ORDER BY 1",
            [contract.id, outcomes[0].run_id],
        )
        noted = dict(found.iter_rows())
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=WARNING_CHECK,
        passed=not noted,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"dicatat": noted},
    )


def _newest(
    key: dg.AssetKey, workspace: Workspace, contract: Contract, outcomes: Sequence[Outcome]
) -> dg.AssetCheckResult:
    """Whether the partition that the contract promises by now is there."""
    expected = expected_newest(contract, workspace.now)
    newest = max((o.partisi for o in outcomes if o.ok and o.is_partition), default=None)
    if newest is None or (expected is not None and newest < expected):
        # This attempt was about older dates, or failed: the lake knows.
        newest = workspace.lake.query(
            f"SELECT max(partisi) AS p FROM lake.ops.hasil WHERE dataset = ? AND {here_by(workspace.today)}",
            [contract.id],
        )["p"][0]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=NEWEST_CHECK,
        passed=newest is not None and (expected is None or newest >= expected),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"diharapkan": expected or "satu partisi", "terbaru": newest or "belum ada"},
    )
