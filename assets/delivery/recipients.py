"""Who gets what: the file `penerima.toml`.

    [laporan]
    harian = ["gubernur@contoh.go.id", "sekda@contoh.go.id"]
    mingguan = ["gubernur@contoh.go.id"]
    bulanan = ["gubernur@contoh.go.id"]

    [peringatan]          # a list gets the alerts of its level and of graver ones; here also webhooks
    info = []
    waspada = ["kominfo@contoh.go.id"]
    kritis = ["sekda@contoh.go.id", "webhook:pusat"]

Belongs here: the file and what it means. Does not belong here: sending.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from warehouse.alert_rules import LEVELS

Report = Literal["harian", "mingguan", "bulanan"]
REPORTS: tuple[Report, ...] = ("harian", "mingguan", "bulanan")
WEBHOOK = "webhook:"
"""Begins a recipient that is a webhook of the settings."""

DEFAULT_RECIPIENT = "gubernur@provinsi.invalid"
"""The one recipient of an installation without the file: the domain is one that no mail can reach."""

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
_HOOK = re.compile(r"webhook:[a-z][a-z0-9_]*", re.ASCII)


class RecipientsError(ValueError):
    """The file of recipients is wrong; the message says where."""


@dataclass(frozen=True)
class Recipients:
    """Lists by report and by level of alert."""

    reports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alerts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of_report(self, kind: Report) -> tuple[str, ...]:
        return self.reports.get(kind, ())

    def of_alert(self, level: str) -> tuple[str, ...]:
        """Those on the list of this level or of a lesser one, each once."""
        lists = (self.alerts.get(name, ()) for name in LEVELS[: LEVELS.index(level) + 1])
        return tuple(dict.fromkeys(address for found in lists for address in found))

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(a for part in (self.reports, self.alerts) for found in part.values() for a in found))


def load_recipients(path: Path) -> Recipients:
    """Read the file; without one, everything is for `DEFAULT_RECIPIENT`. Raises RecipientsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        one = (DEFAULT_RECIPIENT,)
        return Recipients(dict.fromkeys(REPORTS, one), {"info": one})
    except (OSError, UnicodeDecodeError) as error:
        raise RecipientsError(f"{path.name} cannot be read: {error}") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipientsError(f"{path.name}: {error}") from None
    unknown = found.keys() - {"laporan", "peringatan"}
    if unknown:
        raise RecipientsError(f"{path.name}: unknown section: {', '.join(sorted(unknown))}")
    return Recipients(
        _lists(path.name, "laporan", found.get("laporan", {}), REPORTS, hooks=False),
        _lists(path.name, "peringatan", found.get("peringatan", {}), LEVELS, hooks=True),
    )


def _lists(file: str, section: str, given: Any, names: tuple[str, ...], *, hooks: bool) -> dict[str, tuple[str, ...]]:
    """The lists of a section. `hooks`: whether webhooks may be on them; a report is a mail, no document."""
    wanted = "neither an address nor webhook:<name>" if hooks else "no address"
    if not isinstance(given, dict):
        raise RecipientsError(f"{file}: {section} is a section of lists")
    unknown = given.keys() - set(names)
    if unknown:
        raise RecipientsError(f"{file}: {section}.{min(unknown)} is none of {', '.join(names)}")
    for name, values in given.items():
        if not isinstance(values, list):
            raise RecipientsError(f"{file}: {section}.{name} is a list of addresses")
        for value in values:
            if not isinstance(value, str) or not (_ADDRESS.fullmatch(value) or (hooks and _HOOK.fullmatch(value))):
                raise RecipientsError(f"{file}: {section}.{name}: {value!r} is {wanted}")
    return {name: tuple(dict.fromkeys(values)) for name, values in given.items()}
