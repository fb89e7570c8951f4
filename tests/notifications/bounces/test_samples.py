"""The reports of mail servers, as they write them, and what each one leads to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import links
from incidents.models import Bounce, Delivery, Subscriber
from incidents.notifications.bounces import mail
from incidents.notifications.bounces.parsing import Other, parse
from incidents.notifications.bounces.report import BounceReport
from incidents.notifications.monitoring import progress
from incidents.subscriptions import returned_mail
from tests.factories import make_subscriber
from tests.notifications.bounces.helpers import NAMES, sample
from tests.notifications.helpers import announced

# Sample, consequence, status.
CONSEQUENCES = [
    ("appliance-text", "policy", "5.7.1"),
    ("exchange-online-expired", "passing", "5.4.300"),
    ("exchange-online-full", "counted", "5.2.2"),
    ("exchange-online-policy", "policy", "5.7.350"),
    ("exchange-online-sender", "policy", "5.1.8"),
    ("exchange-online-unknown", "suspended", "5.1.10"),
    ("exchange-server-expired", "passing", "4.4.7"),
    ("exim", "suspended", "5.1.1"),
    ("exim-delay", "delayed", "4.7.500"),
    ("exim-expired", "passing", "4.7.500"),
    ("exim-text", "suspended", "5.1.1"),
    ("exim-without-status", "counted", ""),
    ("feedback-report", "complained", ""),
    ("global-base64", "counted", "5.2.2"),
    ("gmail", "suspended", "5.1.1"),
    ("gmail-delay", "delayed", "4.4.1"),
    ("postfix", "suspended", "5.1.1"),
    ("postfix-busy", "passing", "4.7.500"),
    ("postfix-smtputf8", "suspended", "5.1.1"),
    ("qmail", "suspended", "5.1.1"),
    ("qmail-expired", "passing", "4.4.1"),
    ("qmail-remote", "counted", "5.2.2"),
    ("qmail-without-code", "counted", ""),
    ("sendmail", "suspended", "5.1.1"),
    ("sendmail-text", "suspended", "5.1.1"),
    ("sendmail-warning", "delayed", ""),
    # Not understood: for staff.
    ("feedback-fraud", "unknown", ""),
    ("gmail-empty", "unknown", ""),
    ("person", "unknown", ""),
    ("person-pretends", "unknown", ""),
]
NO_ACTION = ["delivered", "feedback-not-spam", "out-of-office", "read-receipt", "vacation"]
STATES = {"suspended": "suspended", "complained": "unsubscribed"}


def test_each_sample_has_a_test() -> None:
    assert sorted([*(name for name, _consequence, _status in CONSEQUENCES), *NO_ACTION]) == NAMES


@pytest.fixture
def delivery() -> Delivery:
    make_subscriber("karl@example.dk", confirmed_at=timezone.now() - timedelta(days=200))
    announced()
    return Delivery.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "consequence", "status"), CONSEQUENCES)
def test_consequence_of_a_sample(delivery: Delivery, name: str, consequence: str, status: str) -> None:
    address = f"bounces+{links.sign_bounce(delivery.pk)}@status.example.com"
    bounce = returned_mail.receive_bounce(raw=sample(name, address))
    assert bounce is not None
    assert (bounce.consequence, bounce.status) == (consequence, status)
    assert Subscriber.objects.get().state == STATES.get(consequence, "active")
    (found,) = progress.progress_of([delivery.announcement], timezone.now())  # type: ignore[list-item]
    assert found.bounced == (consequence not in {"delayed", "unknown"})


@pytest.mark.django_db
@pytest.mark.parametrize("name", NO_ACTION)
def test_sample_that_needs_no_action(delivery: Delivery, name: str) -> None:
    address = f"bounces+{links.sign_bounce(delivery.pk)}@status.example.com"
    assert returned_mail.receive_bounce(raw=sample(name, address)) is None
    assert not Bounce.objects.exists()
    assert Subscriber.objects.get().state == "active"


@pytest.mark.parametrize("name", NAMES)
def test_line_endings_make_no_difference(name: str) -> None:
    assert parse(mail.read(sample(name).replace(b"\n", b"\r\n"))) == parse(mail.read(sample(name)))


@pytest.mark.parametrize(
    ("name", "diagnostic"),
    [
        ("qmail", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("qmail-without-code", "Mail quota exceeded."),
        ("exim-without-status", "Unrouteable address"),
        ("appliance-text", "550 5.7.1 Message rejected by content policy"),
        ("postfix-smtputf8", "smtp; 550 5.1.1 <søren@blåbær.example>: Modtageren findes ikke"),
        (
            "exchange-online-unknown",
            "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient karl@example.dk not found by SMTP "
            "address lookup",
        ),
    ],
)
def test_words_of_the_server_are_quoted(name: str, diagnostic: str) -> None:
    report = parse(mail.read(sample(name)))
    assert isinstance(report, BounceReport)
    assert report.diagnostic == diagnostic


def test_our_own_message_in_a_report_is_not_read() -> None:
    # Both contain a reply in the returned message.
    for name in ("exim-without-status", "sendmail-text"):
        report = parse(mail.read(sample(name)))
        assert isinstance(report, BounceReport)
        assert "what the attached message says" not in report.diagnostic
        assert "4.7.500" not in report.diagnostic


def test_delay_in_a_report_of_several_recipients_does_not_hide_a_failure() -> None:
    raw = sample("gmail-delay").replace(
        b"Will-Retry-Until", b"X: y\n\nFinal-Recipient: rfc822; b@example.dk\nAction: failed\nStatus: 5.1.1\nX-Until"
    )
    report = parse(mail.read(raw))
    assert isinstance(report, BounceReport)
    assert (report.action, report.status) == ("failed", "5.1.1")


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied (vacation)", "X-Autorespond: away", "Precedence: auto_reply", "X-Auto-Reply: 1"],
)
def test_automatic_reply_is_recognised_by_its_header(header: str) -> None:
    raw = f"From: karl@example.dk\nSubject: Hej\n{header}\n\nI am away.".encode()
    assert parse(mail.read(raw)) is Other.NO_ACTION
    assert parse(mail.read(raw.replace(header.encode(), b"Auto-Submitted: no"))) is Other.UNKNOWN


@pytest.mark.parametrize("subject", ["Automatic reply: X", "Automatisk svar: X", "Autosvar", "Out of Office: X"])
def test_automatic_reply_is_recognised_by_its_subject(subject: str) -> None:
    assert parse(mail.read(f"From: karl@example.dk\nSubject: {subject}\n\nHej".encode())) is Other.NO_ACTION
