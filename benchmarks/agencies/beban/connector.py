"""Feed of the load test: pages of 1,000 rows, either a fixed number of them or those of the window's days."""

from collections.abc import Iterator

from connectors.api import Feed, Payload, PullContext


def pull(ctx: PullContext) -> Iterator[Payload]:
    """Every page of the load, or with `per_hari` the pages of each day of the window."""
    if ctx.params.get("per_hari"):
        for day in ctx.window.days():
            yield ctx.fetch("GET", "/harga", slot=f"{day}", params={"tanggal": day.isoformat()})
        return
    for page in range(int(ctx.params["halaman"])):
        yield ctx.fetch("GET", "/harga", slot=f"halaman={page:05d}", params={"page": page})


FEEDS = {"harga": Feed(pull)}
