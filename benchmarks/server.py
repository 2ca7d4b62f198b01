"""A local server of price pages, made once and held in memory, for every contestant alike.

`python -m benchmarks.server --rows 2000000 --days 30` prints its address as the first line.
"""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

import orjson
import uvicorn

PAGE = 1000
FIRST = date(2025, 1, 1)


def pages(rows: int, days: int) -> list[bytes]:
    """All pages, ordered by date; the same arguments give the same bytes."""
    found: list[bytes] = []
    batch: list[dict[str, object]] = []
    per_day = rows // days
    for number in range(rows):
        day, item = divmod(number, per_day)
        market, commodity = divmod(item, 21)
        price = 10_000 + (market * 37 + commodity * 911 + day * 13) % 90_000
        batch.append(
            {
                "tanggal": (FIRST + timedelta(days=min(day, days - 1))).isoformat(),
                "pasar": market if day < days else 1_000_000 + number,
                "komoditas": f"Komoditas {commodity:02d}",
                "satuan": "kg",
                "harga": f"{price:,}",
                "sumber": "uji",
            }
        )
        if len(batch) == PAGE:
            found.append(orjson.dumps({"status": "ok", "data": batch}))
            batch = []
    if batch:
        found.append(orjson.dumps({"status": "ok", "data": batch}))
    return found


def day_page(day: date, rows: int) -> bytes:
    """One day's rows, made when asked for."""
    number = (day - FIRST).days
    return orjson.dumps(
        {
            "status": "ok",
            "data": [
                {
                    "tanggal": day.isoformat(),
                    "pasar": item // 21,
                    "komoditas": f"Komoditas {item % 21:02d}",
                    "satuan": "kg",
                    "harga": f"{10_000 + (item * 37 + number * 13) % 90_000:,}",
                    "sumber": "uji",
                }
                for item in range(rows)
            ],
        }
    )


def app(bodies: Sequence[bytes], rows_a_day: int):
    """A bare ASGI app: /…/harga?page=N or /…/harga?tanggal=YYYY-MM-DD."""

    async def serve(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        query = dict(p.split("=") for p in scope["query_string"].decode().split("&") if "=" in p)
        page = int(query.get("page", "0"))
        if "tanggal" in query:
            body = day_page(date.fromisoformat(query["tanggal"]), rows_a_day)
        else:
            body = bodies[page] if page < len(bodies) else b'{"status":"ok","data":[]}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows-a-day", type=int, default=0, help="serve days on demand instead of pages")
    given = parser.parse_args()
    bodies = [] if given.rows_a_day else pages(given.rows, given.days)
    config = uvicorn.Config(
        app(bodies, given.rows_a_day), port=0, access_log=False, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    config.load()
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await task


if __name__ == "__main__":
    asyncio.run(main())
