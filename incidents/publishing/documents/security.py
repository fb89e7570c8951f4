"""`/.well-known/security.txt`: where to report a vulnerability (RFC 9116). Only with the setting SECURITY_CONTACT."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings

from ... import links
from .base import Document, Edition, Subjects

# RFC 9116 §2.5.5 recommends less than a year.
_VALID = timedelta(days=364)


class SecurityContact(Document):
    """Expires 364 days after the beginning of the month of publishing, so the daily run renews it once a month."""

    per_language = False

    def all_keys(self) -> Iterable[str]:
        return [""] if settings.SECURITY_CONTACT else []

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return self.all_keys() if "day" in subjects.names else []

    def path(self, key: str, language: str) -> str:
        return links.security_txt()

    def render(self, key: str, edition: Edition) -> str | None:
        if not settings.SECURITY_CONTACT:
            return None
        today = edition.now.astimezone(UTC)
        expires = datetime(today.year, today.month, 1, tzinfo=UTC) + _VALID
        fields = {
            "Contact": settings.SECURITY_CONTACT,
            "Expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            "Preferred-Languages": ", ".join(code for code, _name in settings.LANGUAGES),
            "Canonical": links.absolute(links.security_txt()),
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())
