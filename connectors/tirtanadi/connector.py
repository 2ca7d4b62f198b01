"""How Tirtanadi's daily answers are asked and read: production of the water works and disturbances.

The monthly reports of the branches need no code: they come through the inbox, by their contract. Does not belong
here: types and rules (the contracts).
"""

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

import msgspec
import polars as pl

from connectors.api import Feed, Payload, PullContext
from connectors.contract import Contract
from connectors.http_errors import RetryableAnswer, expect_json
from connectors.read.json_rows import read_json_rows

PER_M3 = {"liter": 1000, "ltr": 1000, "l": 1000, "m3": 1, "m³": 1}
"""How many of a delivered unit make a cubic metre, by its lower-case name."""

VOLUME = ("produksi", "air_baku")


class _Envelope(msgspec.Struct):
    status: bool
    data: list[msgspec.Raw] | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def _expect_rows(body: bytes) -> None:
    """Refuse the error envelope that comes with 200, and what is no envelope with a list."""
    expect_json(body)
    try:
        answer = _ENVELOPE.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError:
        raise RetryableAnswer("the answer is not the envelope {status, message, data: [...]}") from None
    except msgspec.DecodeError:
        raise RetryableAnswer("the body is not valid JSON", "bukan_json") from None
    if not answer.status:
        raise RetryableAnswer("the service reports an error: status false")
    if answer.data is None:
        raise RetryableAnswer("the answer has no list of rows under data")


def _daily(path: str) -> Callable[[PullContext], Iterator[Payload]]:
    """One request for each day of the window."""

    def pull(ctx: PullContext) -> Iterator[Payload]:
        for tanggal in ctx.window.days():
            yield ctx.fetch(
                "GET",
                path,
                slot=f"tanggal={tanggal}",
                params={"tanggal": tanggal.isoformat()},
                expect=_expect_rows,
            )

    return pull


def to_m3(volume: str | None, unit: str | None) -> str | None:
    """A delivered volume as text in m3, exactly: ("0000013780", "liter") → "13.780".

    What cannot be converted stays as it is, with its unit behind it when that is unknown, so that typing refuses
    the row and shows what came.
    """
    if volume is None:
        return None
    per_m3 = PER_M3.get((unit or "").strip().lower())
    if per_m3 is None:
        return f"{volume} {unit or 'tanpa satuan'}"
    try:
        value = Decimal(volume.strip())
    except InvalidOperation:
        return volume
    return format(value / per_m3, "f") if value.is_finite() else volume


def read_produksi(payload: Payload, contract: Contract) -> pl.DataFrame:
    """Production, one works a row; volumes are texts in m3, converted by the unit that the row names.

    Raises PayloadError as `read_json_rows` does.
    """
    frame = read_json_rows(payload, contract)
    units = frame["satuan"].to_list()
    return frame.with_columns(
        pl.Series(name, [to_m3(v, u) for v, u in zip(frame[name].to_list(), units, strict=True)], dtype=pl.String)
        for name in VOLUME
    )


FEEDS = {
    "produksi_air": Feed(_daily("/api/produksi"), read_produksi),
    "gangguan_air": Feed(_daily("/api/gangguan")),
}
