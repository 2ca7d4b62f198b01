"""Words, numbers and dates of pages in their language.

Belongs here: translation (Indonesian is the source; a folder of `<language>.po` holds the others) and how figures are
written. Does not belong here: what a page says (templates), which folder a site has.
"""

import functools
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal, format_percent

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
SOURCE: Language = "id"
NONE = "–"
"""Shown where there is no value; it is never shown as 0."""

WIB = ZoneInfo("Asia/Jakarta")
_ROUNDED = Context(rounding=ROUND_HALF_UP)
"""As reports, SQL and the scripts of the pages round; Babel takes the rounding of the context."""
_UNITS = ("B", "kB", "MB", "GB")


class Words:
    """Everything that depends on a page's language. `folder` holds the translations of a site."""

    def __init__(self, language: Language, folder: Path) -> None:
        self.language = language
        self._locale = {"id": "id_ID", "en": "en_GB"}[language]
        self._catalog = None if language == SOURCE else _catalog(folder, language)

    def gettext(self, message: str) -> str:
        """The message in this language; a message without a translation stays Indonesian."""
        found = self._catalog.get(message) if self._catalog else None
        return str(found.string) if found and found.string else message

    def ngettext(self, one: str, many: str, number: int) -> str:
        """Indonesian has one form; other languages take the second for all numbers but 1."""
        found = self._catalog.get(one) if self._catalog else None
        if not found or not isinstance(found.string, tuple | list):
            return many
        return str(found.string[0 if number == 1 else 1])

    def number(self, value: int | float | Decimal | None, *, decimals: int = 6) -> str:
        """A figure with its decimals, no more than were given: 12.500 and 3,25."""
        if value is None:
            return NONE
        return self._decimal(value, "#" * decimals)

    def fixed(self, value: int | float | Decimal, decimals: int) -> str:
        """A figure with just so many decimals, for columns whose figures stand in line."""
        return self._decimal(value, "0" * decimals)

    def _decimal(self, value: int | float | Decimal, behind: str) -> str:
        form = f"#,##0.{behind}" if behind else "#,##0"
        with localcontext(_ROUNDED):
            return str(format_decimal(value, format=form, locale=self._locale))

    def short(self, value: int | float | Decimal) -> str:
        """12,35 miliar: at most two decimals of thousands, millions and so on."""
        exact = Decimal(str(value))
        # Rounded here, for Babel rounds halves of short forms to the even digit whatever the context says.
        step = Decimal(10) ** (exact.adjusted() // 3 * 3 - 2)
        rounded = (exact / step).to_integral_value(ROUND_HALF_UP) * step
        return str(format_compact_decimal(rounded, format_type="long", locale=self._locale, fraction_digits=2))

    def percent(self, share: float) -> str:
        """A share of 1 as whole percent."""
        return str(format_percent(share, locale=self._locale))

    def day(self, day: date | None) -> str:
        """20 November 2026, in the province's time for an instant."""
        day = _local(day).date() if isinstance(day, datetime) else day
        return str(format_date(day, "d MMMM y", locale=self._locale)) if day else NONE

    def time(self, instant: datetime) -> str:
        """20 November 2026 06.15 WIB."""
        return str(format_datetime(_local(instant), "d MMMM y HH.mm", locale=self._locale)) + " WIB"

    def size(self, count: int) -> str:
        """Bytes as people read them, by thousands: 12,3 kB."""
        size, unit = float(count), 0
        while size >= 1000 and unit < len(_UNITS) - 1:
            size, unit = size / 1000, unit + 1
        shown = format_decimal(size, format="#,##0.#" if size < 100 and unit else "#,##0", locale=self._locale)
        return f"{shown} {_UNITS[unit]}"

    def value(self, value: object) -> str:
        """A cell of a table, as the script of a dataset's page writes it too. Codes are text and stay as they are."""
        match value:
            case None:
                return NONE
            case bool():
                return str(value).lower()
            case int() | float() | Decimal():
                return self.number(value)
            case datetime():
                return _local(value).strftime("%Y-%m-%d %H:%M:%S WIB")
            case _:
                return str(value)


def _local(instant: datetime) -> datetime:
    """An instant in the province's time; one without a zone is in it already, whatever zone this machine has."""
    return instant.astimezone(WIB) if instant.tzinfo else instant


@functools.cache
def _catalog(folder: Path, language: Language) -> Catalog:
    with (folder / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)
