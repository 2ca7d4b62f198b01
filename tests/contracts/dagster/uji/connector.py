"""The feeds of the office in `tests/support/dagster_office.py`: one request a day and dataset."""

from collections.abc import Iterator

from connectors.api import Feed, Payload, PullContext


def _pull(ctx: PullContext) -> Iterator[Payload]:
    for day in ctx.window.days():
        yield ctx.fetch("GET", f"/{ctx.contract.dataset}/{day.isoformat()}", slot=day.isoformat())


FEEDS = {name: Feed(pull=_pull) for name in ("angka", "angka_lain", "potret")}
