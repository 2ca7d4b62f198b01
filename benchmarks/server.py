"""A local server of price pages, made once and held in memory, for every contestant alike.

`python -m benchmarks.server --rows 2000000 --days 30` prints its address as the first line.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import orjson

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


class _Pages(asyncio.Protocol):
    """As little HTTP/1.1 as a client needs for GETs: what the server costs is taken from the contestants' cores."""

    def __init__(self, answer: Callable[[str], bytes]):
        self._answer = answer
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._transport.write(self._answer(head.split(b" ", 2)[1].decode()))


def answers(bodies: Sequence[bytes], rows_a_day: int) -> Callable[[str], bytes]:
    """The answer for /…/harga?page=N or /…/harga?tanggal=YYYY-MM-DD, with its head."""
    whole = [with_head(body) for body in bodies]
    empty = with_head(b'{"status":"ok","data":[]}')

    def answer(target: str) -> bytes:
        query = dict(parse_qsl(urlsplit(target).query))
        if "tanggal" in query:
            return with_head(day_page(date.fromisoformat(query["tanggal"]), rows_a_day))
        page = int(query.get("page", "0"))
        return whole[page] if page < len(whole) else empty

    return answer


def with_head(body: bytes) -> bytes:
    """The body after the head of an HTTP answer."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rows-a-day", type=int, default=0, help="serve days on demand instead of pages")
    given = parser.parse_args()
    bodies = [] if given.rows_a_day else pages(given.rows, given.days)
    loop = asyncio.get_running_loop()
    answer = answers(bodies, given.rows_a_day)
    server = await loop.create_server(lambda: _Pages(answer), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
