"""Emails as they arrive: STANDARDS E1-E17, and all of them in every language."""

import email
import re
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.utils import timezone, translation
from pytest_django import Settings

from incidents import operations
from incidents.formats import moment
from incidents.links import Purpose, unsign
from incidents.models import Announcement, Page, Update
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.messages.email import render
from incidents.notifications.outbox import EMAIL_KINDS
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update
from tests.notifications.helpers import START, announced

pytestmark = pytest.mark.django_db

LANGUAGES = [code for code, _name in configured.LANGUAGES]
TEMPLATES = Path(configured.BASE_DIR, "templates", "emails")
QUOTE = "**Final status:** The change was reverted.\n\nSee <https://status.example.com/EX680695>."


def sent(kind: str = "update", language: str = "da", announcement: Announcement | None = None, **row: object) -> bytes:
    """Return the bytes for one recipient."""
    claimed: dict[str, object] = {
        "id": 1,
        "claimed_at": timezone.now(),
        "destination": "example.dk",
        "letter": kind,
        "language": language,
        "announcement_id": announcement.pk if announcement else None,
        "attempts": 0,
        "times_uncertain": 0,
        "trying_since": START,
        "message_id": "<1.abc@status.example.dk>",
        "dated_at": START,
        "subscriber_id": "abcdefghijkl",
        "address": "reader@example.dk",
        "opt_in_round": 3,
        **row,
    }
    return render(kind, language, announcement).for_recipient(ClaimedDelivery(**claimed))  # type: ignore[arg-type]


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=policy.default)


def part(message: EmailMessage, kind: str = "plain") -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


@pytest.fixture
def page() -> Page:
    return make_page(company="Nordhost ApS", address="Havnegade 1, 8000 Aarhus C", contact="drift@nordhost.example")


@pytest.fixture
def announcement(page: Page) -> Announcement:
    mail = make_component("mail", name=Text(da="Udgående mail", en="Outgoing mail"))
    first = announced(
        text=Text(da="Mail til **Microsoft 365** er forsinket.", en="Mail to **Microsoft 365** is late."),
        components={mail.pk: ComponentStatus.DEGRADED_PERFORMANCE},
    )
    operations.edit_incident(by=ANYBODY, incident=first.update.incident, details={"upstream_name": "Microsoft"})
    return announced(
        first.update.incident,
        phase=Phase.RESOLVED,
        text=Text(da="Microsoft har løst fejlen.", en="Microsoft has solved it."),
        quote=QUOTE,
        quote_language="en",
        quote_url="https://status.example.com/EX680695",
        components={mail.pk: ComponentStatus.OPERATIONAL},
    )


def test_one_click_unsubscribe_is_for_this_subscriber(announcement: Announcement) -> None:
    message = parsed(sent(announcement=announcement))
    (link,) = message.get_all("List-Unsubscribe", [])
    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    found = re.fullmatch(r"<https://status\.example\.dk/da/subscription/unsubscribe/([^/]+)/?>", link)
    assert found is not None
    assert unsign(Purpose.UNSUBSCRIBE, found[1]) == f"abcdefghijkl:{announcement.update.incident_id}"


def test_list_headers_are_ascii_and_unique(announcement: Announcement) -> None:
    content = sent(announcement=announcement)
    head = content.split(b"\r\n\r\n")[0]
    assert b"List-Id: <status.status.example.dk>\r\n" in head
    message = parsed(content)
    assert message["List-Post"] == "NO"
    assert message["List-Owner"] == "<mailto:drift@nordhost.example>"
    assert message["List-Archive"] == "<https://status.example.dk/da/history/>"
    for name in ("List-Id", "List-Help", "List-Subscribe", "List-Owner", "List-Archive", "List-Post"):
        assert len(message.get_all(name, [])) == 1


def test_automatic_replies_are_suppressed(announcement: Announcement) -> None:
    message = parsed(sent(announcement=announcement))
    assert message.get_all("Auto-Submitted") == ["auto-generated"]
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"


def test_text_comes_first_and_both_parts_have_the_same_content(announcement: Announcement) -> None:
    message = parsed(sent(announcement=announcement))
    assert message.get_content_type() == "multipart/alternative"
    assert [(one.get_content_type(), one.get_content_charset()) for one in message.iter_parts()] == [
        ("text/plain", "utf-8"),
        ("text/html", "utf-8"),
    ]
    words = re.sub(r"\s+", " ", Words.of(part(message, "html")))
    for fact in (
        "Løst",
        "Microsoft har løst fejlen.",
        "Udgående mail: I drift",
        "Final status:",
        "Tidligere",
        "Havnegade 1",
    ):
        assert fact in part(message)
        assert fact in words


@pytest.mark.parametrize("kind", EMAIL_KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_short_ascii_and_end_with_crlf(kind: str, language: str, announcement: Announcement) -> None:
    content = sent(kind, language, announcement if kind == "update" else None)
    assert content.isascii()
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert max(map(len, lines)) <= 200
    body = content.split(b"\r\n\r\n", 1)[1]
    assert max(map(len, body.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("kind", EMAIL_KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_email_is_complete_in_every_language(kind: str, language: str, announcement: Announcement) -> None:
    for name in ("subject.txt", "body.txt", "body.html"):
        assert (TEMPLATES / kind / name).is_file()
    message = parsed(sent(kind, language, announcement if kind == "update" else None))
    name = {"da": "Nordhost driftsstatus", "en": "Nordhost status"}[language]
    assert str(message["Subject"]).startswith(f"[{name}] ")
    assert message["Content-Language"] == language
    assert f'<html lang="{language}">' in part(message, "html")
    for text in (part(message), part(message, "html")):
        assert name in text
        assert "\ufdd1" not in text
        assert "TOKEN" not in text


def test_danish_emails_contain_no_english_words(announcement: Announcement) -> None:
    for kind in EMAIL_KINDS:
        text = part(parsed(sent(kind, "da", announcement if kind == "update" else None)))
        assert not re.findall(r"\b(subscribe|you|the|nothing|earlier)\b", text.split("> ")[0], re.IGNORECASE)


def test_times_are_in_the_zone_of_the_page_and_the_language_of_the_reader(announcement: Announcement) -> None:
    announcement.update.at = START + timedelta(hours=44)
    announcement.update.save()
    assert "den 11. oktober 2023 kl. 19.00 CEST" in part(parsed(sent(announcement=announcement)))
    assert "11 October 2023, 19:00 CEST" in part(parsed(sent("update", "en", announcement)))


def test_message_id_and_date_are_the_same_at_every_attempt(announcement: Announcement) -> None:
    first, second = parsed(sent(announcement=announcement)), parsed(sent(announcement=announcement, attempts=3))
    assert first["Message-ID"] == second["Message-ID"] == "<1.abc@status.example.dk>"
    assert first["Date"] == second["Date"] == "Mon, 09 Oct 2023 21:00:00 +0000"


def test_emails_of_an_incident_form_one_thread(announcement: Announcement) -> None:
    messages = [parsed(sent(announcement=one)) for one in Announcement.objects.all()]
    root = f"<incident-{announcement.update.incident_id}@status.example.dk>"
    assert {(message["References"], message["In-Reply-To"]) for message in messages} == {(root, root)}
    assert {message["Subject"] for message in messages} == {"[Nordhost driftsstatus] Mail er forsinket"}


def test_sender_and_unsubscribe_link_are_in_both_parts(announcement: Announcement) -> None:
    message = parsed(sent(announcement=announcement))
    for text in (part(message), part(message, "html")):
        assert "Nordhost ApS, Havnegade 1, 8000 Aarhus C" in text
        assert "https://status.example.dk/da/subscription/unsubscribe/" in text
        assert "https://status.example.dk/da/subscription/" in text


def test_html_loads_nothing_from_the_network(announcement: Announcement) -> None:
    html = part(parsed(sent(announcement=announcement)), "html")
    assert not re.findall(r"<(img|link|script|iframe|object|video)\b|url\(|@import|\bsrc=", html)


def test_display_name_contains_no_suspicious_characters(announcement: Announcement) -> None:
    Page.objects.update(name={"da": 'Nord:host, "drift" @ Ærø <x>' + "x" * 90})
    message = parsed(sent(announcement=announcement))
    (sender,) = message["From"].addresses
    assert sender.addr_spec == "status@example.dk"
    assert "Ærø" in sender.display_name
    assert not set('@:,"<>') & set(sender.display_name)
    assert len(sender.display_name) <= 75


def test_title_cannot_inject_headers(announcement: Announcement) -> None:
    title = Text(da="Nedbrud\r\nBcc: all@example.dk\x00" + " langt" * 60)
    announcement.thread_title = title
    message = parsed(sent(announcement=announcement))
    assert message["Bcc"] is None
    assert "Nedbrud Bcc: all@example.dk" in message["Subject"]
    assert len(message["Subject"]) < 260


def test_address_cannot_inject_headers(announcement: Announcement) -> None:
    with pytest.raises(ValueError, match="line break"):
        sent(announcement=announcement, address="reader@example.dk\r\nBcc: all@example.dk")


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("per@blåbær.dk", "To: <per@xn--blbr-roah.dk>"),
        ("per@BLÅBÆR.dk", "To: <per@xn--blbr-roah.dk>"),
        ("Per@Example.dk", "To: <Per@Example.dk>"),
        ("søren@blåbær.dk", "To: <søren@xn--blbr-roah.dk>"),  # needs SMTPUTF8 in any case
        ("per@.æ", "To: <per@.æ>"),  # the channel refuses it
    ],
)
def test_domain_of_the_recipient_is_in_its_encoded_form(page: Page, address: str, header: str) -> None:
    assert header in sent("confirmation", address=address).decode().split("\r\n")


def test_headers_are_ascii_whatever_the_page_is_called(announcement: Announcement, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "status@blåbær.dk"
    Page.objects.update(name={"da": "Ærø driftsstatus"}, contact="købmand+vagt@blåbær.dk")
    head = sent(announcement=announcement).split(b"\r\n\r\n")[0].decode("ascii")
    assert "From: =?utf-8?q?=C3=86r=C3=B8_driftsstatus?= <status@xn--blbr-roah.dk>\r\n" in head
    assert "List-Owner: <mailto:k%C3%B8bmand+vagt@xn--blbr-roah.dk>\r\n" in head
    assert "?= driftsstatus] Mail er forsinket\r\n" in head


def test_title_is_escaped(announcement: Announcement) -> None:
    announcement.thread_title = announcement.update.incident.title = Text(da="A & B <b>")
    message = parsed(sent(announcement=announcement))
    assert message["Subject"] == "[Nordhost driftsstatus] A & B <b>"
    assert "A & B <b>" in part(message)
    assert "A &amp; B &lt;b&gt;" in part(message, "html")


def test_untranslated_text_is_marked(page: Page) -> None:
    announcement = announced(text=Text(da="Kun på dansk."))
    message = parsed(sent("update", "en", announcement))
    assert "Not yet translated into English" in part(message)
    assert '<div lang="da"><p>Kun på dansk.</p></div>' in part(message, "html")
    # The preview text cannot be marked with a language.
    assert part(message, "html").count("Kun på dansk.") == 1
    assert re.search(r"display:none[^>]*>[^<:]+</div>", part(message, "html"))
    assert "Not yet" not in part(parsed(sent("update", "da", announcement)))


def test_quoted_statement_keeps_its_language(announcement: Announcement) -> None:
    message = parsed(sent(announcement=announcement))
    assert "> Final status: The change was reverted." in part(message)
    assert re.search(r'<blockquote [^>]*lang="en"', part(message, "html"))
    assert "https://status.example.com/EX680695" in part(message)


def test_earlier_updates_follow_the_newest(announcement: Announcement) -> None:
    text = part(parsed(sent(announcement=announcement)))
    newest, earlier = text.index("Microsoft har løst"), text.index("Mail til Microsoft 365 er forsinket.")
    assert newest < text.index("Tidligere opdateringer") < earlier


def test_email_contains_no_later_updates(announcement: Announcement) -> None:
    first = Announcement.objects.earliest("id")
    assert "Microsoft har løst" not in part(parsed(sent(announcement=first)))


def test_email_of_a_withdrawn_update_contains_the_updates_before_it(announcement: Announcement) -> None:
    """A claim skips it, but a worker may have claimed it just before."""
    Update.objects.filter(pk=announcement.update_id).update(published_at=None)
    text = part(parsed(sent(announcement=announcement)))
    assert "Mail til Microsoft 365 er forsinket." in text


def test_long_history_is_cut_with_a_note(announcement: Announcement) -> None:
    incident = announcement.update.incident
    for number in range(6):
        operations.post_update(
            by=ANYBODY,
            incident=incident,
            statement=make_statement(Phase.POSTMORTEM, text=Text(da=f"Nummer {number}"), notify=False),
        )
    last = announced(incident, phase=Phase.POSTMORTEM, text=Text(da="Sidste"))
    text = part(parsed(sent(announcement=last)))
    assert "Nummer 5" in text
    assert "Nummer 0" not in text
    assert "3 tidligere opdateringer står på siden." in text


def test_drafts_and_hidden_components_are_left_out(page: Page) -> None:
    hidden = make_component("secret", name=Text(da="Hemmelig"), hidden=True)
    incident = make_incident()
    make_update(incident, text=Text(da="Et udkast"), notify=False)
    incident.updates.filter(text__da="Et udkast").update(published_at=None)
    announcement = announced(incident, components={hidden.pk: ComponentStatus.MAJOR_OUTAGE})
    text = part(parsed(sent(announcement=announcement)))
    assert "Et udkast" not in text
    assert "Hemmelig" not in text


def test_maintenance_has_its_time(page: Page) -> None:
    start = timezone.now() + timedelta(days=3)
    incident = make_maintenance(start=start, end=start + timedelta(hours=2))
    announcement = announced(incident, phase=Phase.SCHEDULED)
    assert "Tidspunkt for arbejdet: " in part(parsed(sent(announcement=announcement)))


def test_confirmation_is_not_list_mail_and_links_to_this_opt_in_round(page: Page) -> None:
    message = parsed(sent("confirmation"))
    assert message["List-Unsubscribe"] is None
    found = re.search(r"https://status\.example\.dk/da/subscription/confirm/([^/\s]+)", part(message))
    assert found is not None
    assert unsign(Purpose.CONFIRM, found[1]) == "abcdefghijkl:3"


def test_page_without_a_name_is_called_by_its_host(settings: Settings) -> None:
    assert parsed(sent("confirmation"))["Subject"].startswith("[status.example.dk] ")


class Words(HTMLParser):
    """The visible text of an HTML email."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @classmethod
    def of(cls, html: str) -> str:
        reader = cls()
        reader.feed(html)
        return "".join(reader.words)


def test_times_are_in_the_zone_that_the_reader_chose(announcement: Announcement) -> None:
    def formatted(zone: str) -> str:
        with translation.override("en"), timezone.override(zone):
            return moment(announcement.update.at)

    rendered = render("update", "en", announcement, "America/New_York")
    assert formatted("America/New_York") != formatted("Europe/Copenhagen")
    assert formatted("America/New_York").encode() in b"".join(rendered.template.body).replace(b"=\r\n", b"")
