"""The forms of Indonesian personal identifiers, found in one text: `find`.

Belongs here: what a NIK, NIP, NPWP, plate, telephone number, e-mail address or chassis number looks like, and how one
is shown without giving it away. Does not belong here: reading tables (`identifiers.py`).

Precision matters as much as recall, for a false hit stops a release: whatever carries a date, a region or a check digit
is held to it, and forms that are none (UUIDs, digests, timestamps) are taken out first.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from warehouse.opendata.contract import IdentifierForm


class Found(NamedTuple):
    """A form in a text, with the text as it was written."""

    form: IdentifierForm
    text: str


_REGENCY_NUMBERS = """
11:18:75 12:25:78 13:12:77 14:11:73 15:11:72 16:13:74 17:09:71 18:13:72 19:07:71 21:07:72 31:01:75 32:18:79 33:29:76
34:04:71 35:29:79 36:04:74 51:08:71 52:08:72 53:22:71 61:12:72 62:13:71 63:11:72 64:11:74 65:04:71 71:11:74 72:12:71
73:26:73 74:15:72 75:05:71 76:06:70 81:09:72 82:08:72 91:36:71 92:12:71 93:04:70 94:36:71 95:08:70 96:06:71
"""
"""Kemendagri province : highest number ever given to a kabupaten (from 01) : to a kota (from 71). A NIK keeps the code
of the place that first gave it, so codes from before a province was split stay possible."""
_REGENCIES = {int(e[:2]): (int(e[3:5]), int(e[6:])) for e in _REGENCY_NUMBERS.split()}

_PLATE_AREAS = """
A B D E F G H K L M N P R S T W Z AA AB AD AE AG BA BB BD BE BG BH BK BL BM BN BP DA DB DC DD DE DG DH DK DL DM DN DP DR
DS DT DW EA EB ED KB KH KT KU PA PB PG PS PT PY
"""
"""Area letters of plates (Perpol 7/2021)."""
_PLATES = frozenset(_PLATE_AREAS.split())

_MEASURE_WORDS = """
KG GR G MG ONS KW TON L LT LTR ML CC MM CM M KM HA PCS BH BKS BTL SAK BOX RB JT RP HR THN TH WIB W KWH KVA
DAN DI KE YG PER S D SD SMP DR UTK PN
"""
"""What follows a number in running text and is no plate's end: `B 5 KG`, `KELAS A 2024 DAN …`."""
_MEASURES = frozenset(_MEASURE_WORDS.split())
_MODELS = frozenset({"L300", "T120"})
"""Models of vehicles, which stand where plates could: L300 PU, T120SS."""

_AREA_3 = frozenset({"21", "22", "24", "31", "61"})
_AREA_4 = re.compile(r"2[35-9]\d|3[2-8]\d|4[0-8]\d|5[1-7]\d|6[2-9]\d|7[0-7]\d|9[0-8]\d")
"""Area codes without the leading zero: the five of large cities, and those of three digits."""

_NONE = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])"  # UUID
    r"|(?<![0-9a-z])(?=\d*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})(?![0-9a-z])"
    r"|(?<!\d)(?:19|20)\d\d-\d\d-\d\d(?:[t ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:z|[+-]\d\d:?\d\d)?(?!\d)"  # ISO 8601
    r"|(?<![\d.,+])(?:0|[1-9]\d{0,2})[.,]\d{5,}(?![\d.])",  # many decimals
    re.IGNORECASE,
)
_EMAIL = re.compile(
    # RFC 5321 ends the local part at 64 characters; without a bound the time grows with the square of a text's length.
    r"[a-z0-9][a-z0-9._%+\-]{0,63}\s?(?:@|\[at\]|\(at\))\s?(?:[a-z0-9\-]+(?:\.|\s?(?:\[dot\]|\(dot\))\s?))+[a-z]{2,}",
    re.IGNORECASE,
)
_PLATE = re.compile(
    r"(?<![0-9a-z])(?<![0-9a-z][-_.])([a-z]{1,2})([ .\-_]{0,2})([1-9]\d{0,3})([ .\-_]{0,2})([a-z]{1,3})"
    r"(?![0-9a-z])(?![-_.][0-9a-z])",
    re.IGNORECASE,
)
_PLATE_LABEL = re.compile(r"(?:plat|pelat|nopol|polisi|tnkb|nrkb|kendaraan|mobil|motor|truk|bus)\W*$", re.IGNORECASE)
_CHASSIS = re.compile(r"(?<![0-9a-z])[0-9a-hj-npr-z]{17}(?![0-9a-z])", re.IGNORECASE)
_CHASSIS_SPLIT = re.compile(
    r"(?<![0-9a-z])(?=\w{0,16}[ .\-])m[f-k](?:[ .\-]?[0-9a-hj-npr-z]){15}(?![0-9a-z])", re.IGNORECASE
)
_CHASSIS_LABEL = re.compile(r"(?:rangka|vin|chassis)\W*(?:no\.?|nomor)?\W*$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(?:[\s._\-/()]{1,3}\d+)*")
_GROUP = re.compile(r"\d+")
_MOBILE = re.compile(r"(?:0|620?)8[1-9]\d{7,10}")
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+|(?:0|[1-9]\d*)\.\d+")
"""A number with thousands or decimals. Unlike these, a telephone number begins with 0 or +."""
_LABEL = re.compile(r"(?:nik|ktp|nip|npwp|wa|hp|telp|tlp|telepon|tel|no|fax|hub)$", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)(?:\d\d?([-/. ])\d\d?\1(?:19|20)\d\d|(?:19|20)\d\d([-/. ])\d\d?\2\d\d?)(?!\d)")
_BETWEEN = re.compile(r"\D+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))


def find(text: str) -> Iterator[Found]:
    """Every identifier in the text, in whatever place and with the usual separators (blank, dot, dash)."""
    text = _plain(text)
    for match in _EMAIL.finditer(text):
        yield Found("surel", match.group())
    text = _NONE.sub("\x1f", _EMAIL.sub("\x1f", text))
    yield from _chassis(text)
    yield from _plates(text)
    for match in _DIGITS.finditer(text):
        yield from _numbers(text, match)


def masked(found: Found) -> str:
    """The shape of what was found, with at most its first two letters or digits."""
    shown = 1 if found.form == "surel" else 2
    kept = accumulate((c.isalnum() for c in found.text), initial=0)
    return "".join(c if not c.isalnum() or n < shown else "•" for c, n in zip(found.text, kept, strict=False))


def is_nik(digits: str) -> bool:
    """16 digits: region (6), day of birth + 40 for a woman, month, year, serial number (Permendagri 73/2022)."""
    kabupaten, kota = _REGENCIES.get(int(digits[:2]), (0, 0))
    regency, district = int(digits[2:4]), int(digits[4:6])
    if not (1 <= regency <= kabupaten or 71 <= regency <= kota) or not district or digits[12:] == "0000":
        return False
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    return any(_is_date(century + year, month, day - 40 if day > 40 else day) for century in (1900, 2000))


def is_nip(digits: str) -> bool:
    """18 digits: date of birth, year and month of appointment (21 for PPPK), sex 1 or 2, serial number."""
    born, begun, month = int(digits[:4]), int(digits[8:12]), int(digits[12:14])
    return (
        born >= 1930
        and _is_date(born, int(digits[4:6]), int(digits[6:8]))
        and 15 <= begun - born <= 60
        and begun <= 2100
        and (1 <= month <= 12 or month == 21)
        and digits[14] in "12"
        and digits[15:] != "000"
    )


def is_npwp(digits: str) -> bool:
    """15 digits, the ninth a check digit (Luhn over the first nine), then tax office and branch; 16 with a zero before.

    The form that companies keep since PMK 112/2022 is the old one behind a zero; that of persons is their NIK.
    """
    if len(digits) == 16:
        if digits[0] != "0":
            return False
        digits = digits[1:]
    doubled = (2 * int(c) if n % 2 else int(c) for n, c in enumerate(digits[:9]))
    checked = sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
    return checked and int(digits[2:8]) > 0 and digits[9:12] != "000" and int(digits[12:]) < 100


def is_mobile(digits: str) -> bool:
    """Digits of a mobile number with its leading 0 or 62."""
    return _MOBILE.fullmatch(digits) is not None


def _plain(text: str) -> str:
    """Full-width digits, hard blanks, odd dashes and invisible characters made plain."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _numbers(text: str, run: re.Match[str]) -> Iterator[Found]:
    """Forms made of digits: any stretch of neighbouring groups of the run that has the right length and content."""
    groups = [(m.start(), m.end()) for m in _GROUP.finditer(text, run.start(), run.end())]
    for n, (start, _) in enumerate(groups):
        digits = ""
        stretch: list[str] = []
        for first, end in groups[n:]:
            stretch.append(text[first:end])
            digits += stretch[-1]
            if len(digits) > 18:
                break
            form = _number(text, start, end, digits, stretch)
            if form:
                yield Found(form, text[start:end])


def _number(text: str, start: int, end: int, digits: str, stretch: list[str]) -> IdentifierForm | None:
    size, written = len(digits), text[start:end]
    if size < 9 or _is_amount(text, start, written) or _has_date(stretch, written):
        return None
    even = len(stretch) == size or all(len(g) > 1 for g in stretch)
    if size == 16 and even and is_nik(digits):
        return "nik"
    if size == 18 and (even or stretch.count(digits[14]) == 1) and is_nip(digits):
        return "nip"
    if not _free(text, start, end):
        return None
    if re.fullmatch(r"0?\d\d\.\d{3}\.\d{3}\.\d[-.]\d{3}\.\d{3}", written) or (
        size in (15, 16) and len(stretch) <= 6 and is_npwp(digits)
    ):
        return "npwp"
    return "telepon" if size <= 15 and _is_phone(digits, stretch) else None


def _free(text: str, start: int, end: int) -> bool:
    """Whether the digits stand by themselves or behind their label, not inside a longer code."""
    if end < len(text) and text[end].isalpha():
        return False
    return start == 0 or not text[start - 1].isalpha() or _LABEL.search(text, max(0, start - 8), start) is not None


def _is_amount(text: str, start: int, written: str) -> bool:
    """Whether this is a number with thousands or decimals, or the end of one."""
    inside = start > 1 and text[start - 1] == "." and text[start - 2].isdigit()
    if text[max(0, start - 1) : start] == "+":
        return False
    return _AMOUNT.fullmatch(f"1.{written}" if inside else written) is not None


def _has_date(stretch: list[str], written: str) -> bool:
    """Whether neighbouring groups are a date such as 8-11-2025 or 2025/11/08 among others, separated otherwise."""
    return len(stretch) > 2 and len(set(_BETWEEN.findall(written))) > 1 and _DATE.search(written) is not None


def _is_phone(digits: str, stretch: list[str]) -> bool:
    if len(stretch) > 6 or any(len(g) < 2 for g in stretch[1:] if g != "0"):
        return False
    first = stretch[0]
    if len(first) < 3 and first != "62":
        return False
    if is_mobile(digits):
        return True
    national = digits[1:] if digits[0] == "0" else digits[2:] if digits[:2] == "62" else ""
    if national[:2] in _AREA_3:
        return 9 <= len(national) <= 10 and national[2] in "23456789"
    apart = len(stretch) > 1 and (first.endswith(national[:3]) or (first == "62" and stretch[1] == national[:3]))
    local = national[:2] in ("62", "63") and len(stretch) == 1 and digits[0] == "0"
    area = _AREA_4.match(national) is not None
    return area and 8 <= len(national) <= 11 and national[3] in "23456789" and (apart or local)


def _plates(text: str) -> Iterator[Found]:
    for match in _PLATE.finditer(text):
        area, before, number, after, end = match.groups()
        if area.upper() not in _PLATES:
            continue
        alone = match.group() == text.strip(" .,;:()[]\"'")
        if _PLATE_LABEL.search(text, max(0, match.start() - 16), match.start()) or _is_plate(
            area, number, end, apart=bool(before and after), alone=alone
        ):
            yield Found("plat", match.group())


def _is_plate(area: str, number: str, end: str, *, apart: bool, alone: bool) -> bool:
    """Whether area, number and end are no measure, code or words of a sentence. `apart`: with separators; `alone`: they
    are the whole value."""
    short, year = len(number) < 3, number[:2] in ("19", "20")
    if end.upper() in _MEASURES:
        in_words = not alone and (len(area) == 1 or year)
        if short or in_words or area == "DN" or area.isupper() != end.isupper() or (len(area) == 1 and len(number) < 4):
            return False
    if area + number in _MODELS:
        return False
    if short and (len(area) == 1 or not apart):
        return alone and apart
    if (area + end).isupper():
        return True
    if not (area + end).islower():
        return len(area) == 2 and len(number) > 2 and apart
    hexadecimal = re.fullmatch("[a-f]+", area + end) is not None
    return (alone or len(area) == 2) and (apart or not hexadecimal)


def _chassis(text: str) -> Iterator[Found]:
    for match in (*_CHASSIS.finditer(text), *_CHASSIS_SPLIT.finditer(text)):
        code = re.sub(r"[ .\-]", "", match.group())
        labelled = _CHASSIS_LABEL.search(text, max(0, match.start() - 24), match.start()) is not None
        if _is_chassis(code.upper(), split=len(code) < len(match.group()), labelled=labelled):
            yield Found("rangka", match.group())


def _is_chassis(code: str, *, split: bool, labelled: bool) -> bool:
    """ISO 3779: 17 signs without I, O, Q, ending in a number. Indonesian makers (MF to MK) seldom fill the check digit.

    Elsewhere than in Indonesia, Thailand, India and Japan the check digit (49 CFR 565.15) must be right.
    """
    letters, tail = sum(c.isalpha() for c in code), len(code) - len(code.rstrip("0123456789"))
    if letters < 3 or letters > 13 or tail < 4 or (split and tail < 5):
        return False
    if labelled or re.match(r"M[F-K]", code):
        return True
    if re.match(r"M[A-ELMNPR]|J[A-HJ-NPR-T]", code) and any(c.isdigit() for c in code[:11]) and tail <= 9:
        return True
    return _check_digit(code) == code[8]


def _check_digit(code: str) -> str:
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(int(values.get(c, c)) * w for c, w in zip(code, weights, strict=True)) % 11
    return "X" if total == 10 else str(total)
