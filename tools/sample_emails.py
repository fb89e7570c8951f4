"""Writes the emails of the sample data as files: .html and .eml, for tools/screenshots.py.

    python -m tools.sample_emails FOLDER

in the environment of a running product. Nothing is stored and nothing is sent.
"""

import email
import sys
from email import policy
from pathlib import Path

import django
from django.db import transaction
from django.utils import timezone

django.setup()

from incidents.models import Announcement, Delivery, Update
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.messages.email import render
from incidents.notifications.outbox import EMAIL_KINDS
from statuspage.settings import LANGUAGES


def main(folder: Path) -> None:
    """Write all emails in all languages; those about updates once per phase."""
    for language, _name in LANGUAGES:
        for letter in EMAIL_KINDS:
            if letter != Delivery.Letter.UPDATE:
                write(folder / f"{letter}-{language}", letter, language)
        with transaction.atomic():
            for phase in sorted(set(Update.objects.values_list("phase", flat=True))):
                write_phase(folder, phase, language)
            transaction.set_rollback(True)


def write_phase(folder: Path, phase: str, language: str) -> None:
    """The email about an update of this phase, preferably one with a quotation."""
    update = Update.objects.filter(phase=phase, published_at__isnull=False).order_by("quote", "at").last()
    if update is not None:
        announcement = Announcement.objects.create(update=update, hold_until=timezone.now())
        write(folder / f"{phase}-{language}", Delivery.Letter.UPDATE, language, announcement)


def write(path: Path, letter: str, language: str, announcement: Announcement | None = None) -> None:
    now = timezone.now()
    held = ClaimedDelivery(
        id=1, claimed_at=now, destination="example.dk", letter=letter, language=language,
        announcement_id=announcement.pk if announcement else None, attempts=0, times_uncertain=0, trying_since=now,
        message_id="<1.sample@status.example.dk>", dated_at=now, subscriber_id="abcdefghijkl",
        address="reader@example.dk", opt_in_round=1,
    )  # fmt: skip
    content = render(letter, language, announcement).for_recipient(held)
    path.with_suffix(".eml").write_bytes(content)
    for part in email.message_from_bytes(content, policy=policy.default).iter_parts():
        if part.get_content_subtype() == "html":
            path.with_suffix(".html").write_text(part.get_content(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
