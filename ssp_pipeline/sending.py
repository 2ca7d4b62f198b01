"""From settings to how this installation sends: by which server, from whom, with which credentials.

Belongs here: wiring. Does not belong here: sending (`assets/delivery/`), reading the environment (`settings.py`).
"""

from typing import TYPE_CHECKING

from assets.delivery.post import Postal, Retry
from assets.delivery.smtp import SmtpServer
from assets.delivery.webhook import Hook
from ssp_pipeline.settings import Settings, SettingsError, check_webhook, webhook_variables

if TYPE_CHECKING:
    from assets.reports import Office


def postal(settings: Settings) -> Postal:
    """How this installation sends. Raises SettingsError, among others when a mail server is named and no recipients."""
    told = settings.config.kirim
    if told.host and not settings.recipients.is_file():
        raise SettingsError(f"kirim.host is set, but there is no file of recipients: write {settings.recipients.name}")
    if told.host and told.pengirim.endswith(".invalid"):
        raise SettingsError("kirim.host is set, but kirim.pengirim is an address that no mail can come from")
    return Postal(
        folder=settings.outbox,
        recipients=settings.recipients,
        sender=told.pengirim,
        sender_name=told.nama_pengirim,
        server=_server(settings) if told.host else None,
        hooks={name: _hook(settings, name, url) for name, url in told.webhook.items()},
        hook_timeout=told.batas_detik,
        retry=Retry(tries=told.percobaan),
    )


def office(settings: Settings) -> "Office":
    """What making reports needs of this installation; its `open_postal` raises as `postal` does."""
    from assets.reports import Office

    return Office(settings.config.provinsi.nama, settings.public, lambda: postal(settings))


def _server(settings: Settings) -> SmtpServer:
    told = settings.config.kirim
    user, password = settings.secret("SSP_SMTP_USER"), settings.secret("SSP_SMTP_PASSWORD")
    if bool(user) != bool(password):
        raise SettingsError("SSP_SMTP_USER and SSP_SMTP_PASSWORD belong together: give both or none")
    return SmtpServer(
        host=told.host,
        port=told.port,
        tls=told.tls,
        sender=told.pengirim,
        user=user or "",
        password=password or "",
        ca_file=told.berkas_ca,
        timeout=told.batas_detik,
        answer_timeout=told.batas_jawaban_detik,
    )


def _hook(settings: Settings, name: str, url: str) -> Hook:
    secret, address = webhook_variables(name)
    url = url or settings.secret(address) or ""
    if not url:
        raise SettingsError(f"kirim.webhook.{name} has no address: write it there or give {address}")
    try:
        check_webhook(name, url)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return Hook(url, settings.secret(secret) or "")
