"""Templates of the command centre, the words they are filled with, and the headers that go with a page.

Belongs here: one page from a template and facts. Does not belong here: what goes into a page, who may see it.
"""

import functools
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ssp_pipeline.web.files import fingerprints
from ssp_pipeline.web.templates import bare_environment
from ssp_pipeline.web.words import NONE, SOURCE, Language, Words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
LANGUAGE_COOKIE = "bahasa"
_CODE = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)+")
_UNITS = {"m3": "m³", "persen": "%"}
_KNOWN_AS = {
    "pihps": "PIHPS", "sp2kp": "SP2KP", "panel_harga": "Panel Harga",
    "kabkota": "kab/kota", "kabupaten_kota": "kabupaten/kota",
}  # fmt: skip
"""Codes that people know by another name."""
COMPACT_FROM = 1_000_000
"""Figures on tiles are shortened from here on: 12,3 miliar."""
WHOLE_FROM = 10_000
"""And are whole from here on."""


@dataclass(frozen=True)
class NavItem:
    """An entry of the menu: address and Indonesian name (translated when shown)."""

    path: str
    name: str


def language_of(request: Request) -> Language:
    """`?bahasa=` first, then the cookie that remembers it; Indonesian otherwise."""
    for said in (request.query_params.get("bahasa"), request.cookies.get(LANGUAGE_COOKIE)):
        if said in get_args(Language):
            return said  # type: ignore[return-value]
    return SOURCE


def render(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any
) -> HTMLResponse:
    """A page as an answer.

    Templates know `bahasa`, `pengguna` (`request.state.user` or None), `csrf` (`request.state.csrf`, the token of
    POST forms, or ""), `menu` (entries that the user may open: `request.app.state.menu(user)`) and what `facts` holds.
    """
    language = language_of(request)
    page = environment(language).get_template(template)
    user = getattr(request.state, "user", None)
    facts.setdefault("menu", request.app.state.menu(user) if user else ())
    text = page.render(
        bahasa=language,
        pengguna=user,
        csrf=getattr(request.state, "csrf", ""),
        jalur=request.url.path,
        ganti_bahasa="?" + urlencode(_switched(request, language)),
        **facts,
    )
    answer = HTMLResponse(text, status, {"Cache-Control": "no-store", **(headers or {})})
    if request.query_params.get("bahasa") == language:
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=365 * 86400, httponly=True, samesite="lax")
    return answer


def _switched(request: Request, language: Language) -> list[tuple[str, str]]:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "bahasa"]
    return [*kept, ("bahasa", "en" if language == "id" else "id")]


@functools.cache
def words(language: Language) -> Words:
    """The one `Words` of a language."""
    return Words(language, FOLDER / "terjemahan")


@functools.cache
def assets() -> dict[str, str]:
    """Address of each static file and of Vega's bundle, by plain name."""
    return fingerprints(STATIC)


@functools.cache
def environment(language: Language) -> Environment:
    """Templates with the words of a language."""
    w, env = words(language), bare_environment(FOLDER / "templates", FOLDER.parent / "templates")
    env.install_gettext_callables(w.gettext, w.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        kata=functools.partial(spoken, w),
        aset=lambda name: assets()[name],
        angka=w.number,
        ringkas=functools.partial(compact, w),
        satuan=functools.partial(unit_of, w),
        hari=w.day,
        waktu=w.time,
        sel=functools.partial(cell, w),
        kueri=lambda pairs: urlencode(pairs),
    )
    return env


def compact(w: Words, value: Decimal | float | None, unit: str = "") -> str:
    """A figure for a tile: Rp12,3 miliar, 94,2, 628.020. Its unit stands after it (`unit_of`), but for Rp."""
    if value is None:
        return NONE
    if not -COMPACT_FROM < value < COMPACT_FROM:
        said = w.short(value)
    else:
        said = w.number(value, decimals=2 if -WHOLE_FROM < value < WHOLE_FROM else 0)
    if unit != "Rp":
        return said
    return f"-Rp{said.removeprefix('-')}" if value < 0 else f"Rp{said}"


def unit_of(w: Words, unit: str) -> str:
    """What stands after a figure."""
    return "" if unit == "Rp" else _UNITS.get(unit) or w.gettext(unit)


def spoken(w: Words, text: str) -> str:
    """A text out of data in the language, if it is a known word; codes such as `jasa_raharja` without their strokes."""
    text = _KNOWN_AS.get(text, text)
    return w.gettext(text.replace("_", " ") if _CODE.fullmatch(text) else text)


def cell(w: Words, value: object, decimals: int | None = None) -> str:
    """A value in a table: figures in the language's form, instants in WIB, nothing as a dash and never as 0."""
    match value:
        case None:
            return NONE
        case bool():
            return w.gettext("ya") if value else w.gettext("tidak")
        case float() | Decimal() if decimals is not None:
            return w.fixed(value, decimals)
        case int() | float() | Decimal():
            return w.number(value)
        case datetime():
            return w.time(value)
        case date():
            return w.day(value)
        case list() | tuple():
            return ", ".join(str(v) for v in value)
        case _:
            return str(value)
