"""Telling people of early warnings: what is new, rolled up by cause, as one message a cause for whom it concerns.

Belongs here: words, roll-up, and who gets it. Does not belong here: which news there is (`warehouse/told.py`), sending
(`post.py`).
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import orjson
from babel.dates import format_datetime

from assets.delivery.mail import build_mail
from assets.delivery.post import Postal, kind_of
from assets.delivery.recipients import load_recipients
from warehouse import outbox, told
from warehouse.alert_rules import LEVELS
from warehouse.alerts import WIB
from warehouse.figures import LOCALE
from warehouse.lake import Lake
from warehouse.outbox import Message
from warehouse.told import News, What

_HEADINGS: dict[What, str] = {"mulai": "Mulai", "naik": "Menjadi lebih gawat", "selesai": "Selesai"}
_ORIGINS = {"tiruan": "data tiruan", "ulangan": "data ulangan"}
_MOST = 40
"""Lines of one kind in a message; how many more there are is said."""


def tell(lake: Lake, postal: Postal, run_id: str, now: datetime) -> int:
    """Queue what people have not been told of alerts; gives the number of new messages.

    Messages and the record of what they tell are one transaction: a kill leaves both or none. Raises RecipientsError,
    LakeBusy, LakeWriteError.
    """
    recipients = load_recipients(postal.recipients)
    with lake.writer_lock():
        causes: dict[str, list[News]] = {}
        for one in told.untold(lake, now):
            causes.setdefault(one.event.sebab, []).append(one)
        if not causes:
            return 0
        messages: list[Message] = []
        noted: list[tuple[News, str]] = []
        for cause, news in causes.items():
            level = max((n.tingkat for n in news), key=LEVELS.index)
            made = messages_of(cause, news, level, recipients.of_alert(level), postal, now)
            messages += made
            noted += [(n, made[0].kunci if made else "") for n in news]
        return outbox.queue(
            lake, postal.folder, messages, run_id, now, also=lambda tx: told.note(tx, noted, run_id, now)
        )


def messages_of(
    cause: str, news: Sequence[News], level: str, recipients: Sequence[str], postal: Postal, now: datetime
) -> list[Message]:
    """A mail and a document for webhooks about one cause, for those of the recipients that are of their kind."""
    named = "\n".join(sorted(f"{n.event.nomor} {n.what} {n.tingkat}" for n in news))
    key = f"peringatan/{hashlib.sha256(named.encode()).hexdigest()[:20]}"
    title, text = subject(news, level), body(news)
    mail = build_mail(key=key, subject=title, sender=postal.sender, sender_name=postal.sender_name, text=text, made=now)
    bodies = {"mail": (key, mail), "webhook": (f"{key}/webhook", document(cause, news, level, title, text))}
    found = []
    for kind, (own_key, content) in bodies.items():
        own = tuple(r for r in recipients if kind_of(r) == kind)
        if own:
            found.append(Message("peringatan", own_key, own, content, now))
    return found


def subject(news: Sequence[News], level: str) -> str:
    """What a message is about, in a line, also where a rule's title has several: no header can hold them."""
    [(title, _)] = Counter(" ".join(n.event.judul.split()) for n in news).most_common(1)
    over = all(n.what == "selesai" for n in news)
    made_up = " [data tiruan]" if all((n.event.asal_data or "") in _ORIGINS for n in news) else ""
    count = f" ({len(news)})" if len(news) > 1 else ""
    return f"[{'Selesai' if over else level.capitalize()}]{made_up} {title}{count}"


def body(news: Sequence[News]) -> str:
    """The message's text: a line an alert, with whose task it is."""
    parts = []
    for what, heading in _HEADINGS.items():
        own = [n for n in news if n.what == what]
        if own:
            lines = [f"- {_line(n)}" for n in own[:_MOST]]
            if len(own) > _MOST:
                lines.append(f"- dan {len(own) - _MOST} lagi")
            parts.append("\n".join([f"{heading}:", *lines]))
    newest = max(n.event.waktu for n in news).astimezone(WIB)
    when = format_datetime(newest, "EEEE, d MMMM y HH.mm", locale=LOCALE)
    parts.append(f"Dinilai {when} WIB. Pesan otomatis; tidak perlu dibalas.")
    return "\n\n".join(parts) + "\n"


def _line(one: News) -> str:
    origin = _ORIGINS.get(one.event.asal_data or "")
    tail = f" ({origin})" if origin else ""
    return f"{one.event.kalimat}{tail} Tugas: {one.event.opd}. [{one.event.tingkat}, {one.event.nomor}]"


def document(cause: str, news: Sequence[News], level: str, title: str, text: str) -> bytes:
    """What a webhook gets. `text` is the whole in words, which chat programs show."""
    return orjson.dumps(
        {
            "jenis": "peringatan",
            "sebab": cause,
            "tingkat": level,
            "judul": title,
            "text": f"{title}\n\n{text}",
            "peringatan": [
                {
                    "nomor": n.event.nomor,
                    "peristiwa": n.what,
                    "tingkat": n.event.tingkat,
                    "aturan": n.event.aturan,
                    "kunci": n.event.kunci,
                    "kalimat": n.event.kalimat,
                    "opd": n.event.opd,
                    "nilai": n.event.nilai,
                    "ambang": n.event.ambang,
                    "dataset": n.event.dataset,
                    "asal_data": n.event.asal_data,
                    "hari": n.event.partisi,
                    "waktu": n.event.waktu,
                }
                for n in news
            ],
        }
    )
