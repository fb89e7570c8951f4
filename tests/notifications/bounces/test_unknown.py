"""Emails to a bounce address that are not understood: kept for staff, with addresses masked, and not for ever."""

import re
from datetime import timedelta
from io import BytesIO, TextIOWrapper

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from incidents import links, scheduler
from incidents.models import Bounce, Delivery, Subscriber
from incidents.notifications.bounces.mail import MAX_EMAIL_BYTES
from incidents.notifications.bounces.recording import MAX_UNKNOWN
from incidents.subscriptions import erasure, own_data, returned_mail, service
from tests.factories import make_subscriber
from tests.notifications.bounces.helpers import sample
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db


@pytest.fixture
def address() -> str:
    make_subscriber("karl@example.dk", confirmed_at=timezone.now() - timedelta(days=200))
    announced()
    return f"bounces+{links.sign_bounce(Delivery.objects.get().pk)}@status.example.com"


def received(raw: bytes, address: str) -> Bounce:
    bounce = returned_mail.receive_bounce(raw=raw, address=address)
    assert bounce is not None
    assert bounce.consequence == "unknown"
    return bounce


def test_beginning_is_kept_with_addresses_masked(address: str) -> None:
    bounce = received(sample("person", address), address)
    assert bounce.subject == "SV: k… er stoppet hos os"
    assert bounce.sender_domain == "example.dk"
    assert bounce.excerpt.splitlines() == [
        "Hej",
        "k… Hansen (k…@example.dk) er ikke ansat længere.",
        "Skriv til d…@example.dk i stedet.",
    ]


# With `TOKEN` for the token, and `SITE` for the address of the page.
QUOTATIONS = {
    "Confirm: SITE/da/subscription/confirm/TOKEN/": "Confirm: https://status.example.dk/…",
    "> [Afmeld](SITE/da/subscription/unsubscribe/TOKEN/) eller": "> [Afmeld](https://status.example.dk/…) eller",
    "<SITE/en/subscription/manage/TOKEN/data.json>, se <SITE/>.": "<https://status.example.dk/…>, se <SITE/>.",
    "HTTPS://STATUS.EXAMPLE.DK/da/subscription/again/TOKEN/webhook/": "HTTPS://STATUS.EXAMPLE.DK/…",
    "https://safelinks.example/?url=https%3A%2F%2Fstatus.example.dk%2Fda%2Fx%2FTOKEN%2F&data=5": (
        "https://safelinks.example/?url=https%3A%2F%2Fstatus.example.dk/…"
    ),
    "https://old.example/da/subscription/manage/TOKEN/": "https://old.example/da/subscription/manage/…/",
    "status.example.dk er nede.": "status.example.dk er nede.",
    "https://status.example.dk.example.dk/om": "https://status.example.dk.example.dk/om",
    "Log in as ~karl, ~/bin og ~~": "Log in as ~k…, ~/bin og ~~",
}


@pytest.mark.parametrize("purpose", [links.Purpose.CONFIRM, links.Purpose.UNSUBSCRIBE])
@pytest.mark.parametrize("quotation", QUOTATIONS)
def test_no_token_of_a_quoted_link_is_kept(quotation: str, purpose: links.Purpose, address: str) -> None:
    token = links.sign(purpose, "12:3")
    text = quotation.replace("SITE", "https://status.example.dk").replace("TOKEN", token)
    bounce = received(f"From: a@b.example\nSubject: {text}\n\n{text}\n".encode(), address)
    assert bounce.excerpt == QUOTATIONS[quotation].replace("SITE", "https://status.example.dk")
    assert bounce.subject == bounce.excerpt


@pytest.mark.parametrize("line_break", ["\n", "=\n", "\n> ", "=\r\n> > "])
def test_no_token_of_a_link_over_several_lines_is_kept(line_break: str, address: str) -> None:
    url = f"https://status.example.dk/da/subscription/unsubscribe/{links.sign(links.Purpose.UNSUBSCRIBE, '12')}/"
    for place in range(len("https://status.example.dk/"), len(url) - 1):
        text = f"> Afmeld: {url[:place]}{line_break}{url[place:]}\n\nMed venlig hilsen\nKarl"
        kept = received(f"From: a@b.example\n\n{text}".encode(), address).excerpt
        assert kept.startswith("> Afmeld: https://status.example.dk/…")
        assert kept.endswith("\nMed venlig hilsen\nk…")
        assert not re.search(r"[\w-]{16}(?!\.)", kept.replace("subscription", ""))
        Bounce.objects.all().delete()


def test_no_token_of_a_link_in_a_reply_is_kept(address: str) -> None:
    url = f"https://status.example.dk/da/subscription/unsubscribe/{links.sign(links.Purpose.UNSUBSCRIBE, '12')}/"
    raw = sample("postfix", address).replace(b"Status: 5.1.1", b"Status: 5.7.1")
    raw = re.sub(rb"Diagnostic-Code: .*", b"Diagnostic-Code: smtp; 554 5.7.1 Blocked: " + url.encode(), raw)
    bounce = returned_mail.receive_bounce(raw=raw, address=address)
    assert bounce is not None
    assert "Blocked: https://status.example.dk/…" in bounce.reply
    assert "~" not in bounce.reply


def test_size_is_limited_and_control_characters_are_removed(address: str) -> None:
    text = b"".join(b"line\x00 \x1b[31m %d \xff " % number + b"x" * 300 + b"\n" for number in range(500))
    bounce = received(b"From: a@b.example\nSubject: " + b"s" * 5000 + b"\x00\n\n" + text, address)
    assert len(bounce.subject) == 200
    assert len(bounce.excerpt) <= 1000
    assert all(char.isprintable() or char == "\n" for char in bounce.excerpt + bounce.subject)


def test_flood_of_emails_fills_no_table(address: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(MAX_UNKNOWN):
        received(sample("person", address), address)
    assert returned_mail.receive_bounce(raw=sample("person", address)) is None
    assert Bounce.objects.count() == MAX_UNKNOWN
    assert "dropped one" in caplog.text


def test_erasure_and_retention_delete_what_was_kept(address: str, settings: Settings) -> None:
    bounce = received(sample("person", address), address)
    (exported,) = own_data.export(Subscriber.objects.get())["bounces"]
    assert exported["excerpt"] == bounce.excerpt
    assert service.end_subscription(Subscriber.objects.get())
    Subscriber.objects.update(left_at=timezone.now() - timedelta(days=400))
    erasure.erase_departed(timezone.now())
    bounce.refresh_from_db()
    assert (bounce.subject, bounce.sender_domain, bounce.excerpt) == ("", "", "")
    assert received(sample("person", address), address).excerpt == ""
    Bounce.objects.update(received_at=timezone.now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1))
    scheduler.forget_deliveries()
    assert not Bounce.objects.exists()


def test_complaint_of_somebody_who_has_left_already_has_no_consequence(address: str) -> None:
    assert service.end_subscription(Subscriber.objects.get())
    assert returned_mail.receive_bounce(raw=sample("feedback-report", address)) is None


class Endless(BytesIO):
    """Standard input that never ends."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        self.given += size
        return b"x" * size


def test_endless_email_is_read_in_part(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Endless()
    monkeypatch.setattr("sys.stdin", TextIOWrapper(endless))
    call_command("receive_bounce", address)
    assert Bounce.objects.get().consequence == "unknown"
    assert endless.given < 100 * MAX_EMAIL_BYTES


def test_huge_report_is_understood_by_its_beginning(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sample("postfix", address) + b"x" * 5 * MAX_EMAIL_BYTES
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw)))
    call_command("receive_bounce")
    assert Bounce.objects.get().consequence == "suspended"
