"""Emails carry the texts of the report that were given or changed with their update."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from harness.deliveries import release_held
from incidents import operations
from incidents.formats import moment
from incidents.models import Announcement, Incident, Subscriber
from incidents.notifications.messages import content, email, payloads
from incidents.status import Phase, RootCauseStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_maintenance, make_page, make_statement, make_subscriber
from tests.notifications.helpers import UNCLAIMED, announced, claimed
from tests.notifications.messages.test_email import Words, parsed, part, sent

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DETAILS: dict[str, Any] = {
    "user_impact": Text(da="Mail kommer **sent**.", en="Mail is **late**."),
    "scope": Text(da="Alle kunder med mail.", en="All customers with mail."),
    "workaround": Text(da="Brug webmail.", en="Use webmail."),
    "root_cause": Text(da="En disk var fuld.", en="A disk was full."),
    "root_cause_status": RootCauseStatus.PRELIMINARY,
    "next_steps": Text(da="- Flere diske\n- Bedre alarmer", en="- More disks\n- Better alarms"),
}


def opened(**details: Any) -> tuple[Incident, Announcement]:
    make_page()
    incident = make_incident(statement=make_statement(notify=True), **details)
    release_held()
    return incident, Announcement.objects.get()


def both(announcement: Announcement, language: str = "da") -> tuple[str, str]:
    """Return plain text and HTML."""
    message = parsed(sent("update", language, announcement))
    return part(message).replace("\r\n", "\n"), part(message, "html")


@pytest.mark.parametrize(
    ("language", "sections"),
    [
        (
            "da",
            "Konsekvens for brugerne:\nMail kommer sent.\n\nOmfang:\nAlle kunder med mail.\n\n"
            "Midlertidig løsning:\nBrug webmail.\n\nÅrsag (foreløbig):\nEn disk var fuld.\n\n"
            "Næste skridt:\n- Flere diske\n- Bedre alarmer\n\n",
        ),
        (
            "en",
            "User impact:\nMail is late.\n\nScope:\nAll customers with mail.\n\n"
            "Workaround:\nUse webmail.\n\nRoot cause (preliminary):\nA disk was full.\n\n"
            "Next steps:\n- More disks\n- Better alarms\n\n",
        ),
    ],
)
def test_report_is_in_labelled_sections_below_the_text(language: str, sections: str) -> None:
    text, html = both(opened(**DETAILS)[1], language)
    assert f"\n\n{sections}" in text
    assert text.index({"da": "Vi har fundet", "en": "We have found"}[language]) < text.index(sections)
    words = re.sub(r"\s+", " ", Words.of(html))
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert [f"{heading}:" for heading in headings] == re.findall(r"^[^\s-].*:$", sections, re.MULTILINE)
    for line in re.sub(r"[:-]\s", "\n", sections).split("\n"):
        assert line.strip(": -") in words


def test_update_without_changes_has_no_sections() -> None:
    incident, _first = opened(**DETAILS)
    text, html = both(announced(incident))
    assert "Brug webmail." not in text
    assert "<h2" not in html.split("Tidligere opdateringer")[0].split("</h1>")[1].rpartition("<h2")[0]


def test_only_the_changed_text_is_repeated() -> None:
    incident, _first = opened(**DETAILS)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"root_cause_status": RootCauseStatus.FINAL})
    text, _html = both(announced(incident))
    assert "Årsag (endelig):\nEn disk var fuld.\n" in text
    assert "Brug webmail." not in text


def test_later_edits_do_not_change_an_email_that_is_being_sent() -> None:
    incident, first = opened(**DETAILS)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"workaround": Text(da="Ring til os.")})
    first.refresh_from_db()
    assert "Brug webmail." in both(first)[0]


def test_text_in_another_language_is_marked() -> None:
    text, html = both(opened(workaround=Text(da="Brug webmail."))[1], "en")
    assert "Workaround:\n(Not yet translated into English)\nBrug webmail.\n" in text
    assert re.search(r'<em>Not yet translated into English</em></p>\s*<div lang="da"><p [^>]+>Brug webmail', html)


def test_root_cause_of_unknown_status_has_a_plain_label() -> None:
    text, _html = both(opened(root_cause=Text(en="A disk."))[1], "en")
    assert "\nRoot cause:\nA disk.\n" in text


def test_texts_are_escaped() -> None:
    _text, html = both(opened(workaround=Text(da="<script>alert(1)</script> & mere"))[1])
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; mere" in html


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("\n\n".join(["Et afsnit med mange ord, og så en linje til, som også har flere ord."] * 200), "flere ord."),
        ("ord " * 2000, "ord…"),
        ("x" * 9000, "x…"),
    ],
)
def test_long_text_is_cut_with_a_link_to_the_rest(source: str, end: str) -> None:
    incident, announcement = opened(workaround=Text(da=source))
    text, html = both(announcement)
    address = f"https://status.example.dk/da/incidents/{incident.pk}/"
    assert f"{end}\n\nLæs resten på driftsstatussiden: {address}\n" in text
    assert len(text) < content.SECTION_LENGTH + 2000
    assert f'<a href="{address}">Læs resten på driftsstatussiden</a>' in html


def test_block_of_code_that_is_cut_is_closed() -> None:
    _incident, announcement = opened(workaround=Text(da="Kør:\n\n```\n" + "retry --all\n\n" * 500 + "```"))
    text, html = both(announcement)
    assert "```" not in text + html
    assert '<pre style="white-space:pre-wrap;"><code>retry --all' in html


def test_short_text_has_no_link_to_a_rest() -> None:
    assert "Læs resten" not in both(opened(**DETAILS)[1])[0]


@pytest.mark.parametrize(
    ("language", "line"),
    [("da", "Ny planlagt sluttid: {} (tidligere: {})"), ("en", "New planned end: {} (previously: {})")],
)
def test_new_planned_end_is_named_with_the_former_one(language: str, line: str) -> None:
    make_page()
    start = timezone.now() + HOUR
    work = make_maintenance(start=start, end=start + HOUR)
    first = announced(work, phase=Phase.SCHEDULED)
    label = line.partition(":")[0]
    assert label not in both(first, language)[0]
    operations.edit_incident(by=ANYBODY, incident=work, details={"scheduled_until": start + 2 * HOUR})
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        expected = line.format(moment(start + 2 * HOUR), moment(start + HOUR))
    text, html = both(announced(work, phase=Phase.IN_PROGRESS), language)
    assert expected in text
    assert expected in re.sub(r"\s+", " ", html)
    assert label not in both(announced(work, phase=Phase.COMPLETED), language)[0]


def test_preview_shows_the_same_sections() -> None:
    incident, _first = opened()
    operations.edit_incident(by=ANYBODY, incident=incident, details={"workaround": Text(da="Brug webmail.")})
    update = operations.post_update(
        by=ANYBODY, incident=incident, statement=make_statement(Phase.MITIGATED, notify=False)
    )
    with translation.override("da"):
        _subject, html = email.preview(Announcement(update=update), "da")
    assert "Midlertidig løsning</h2>" in html
    assert "Brug webmail." in html


def sent_to_everyone(announcement: Announcement) -> None:
    unfinished = announcement.deliveries.exclude(state="skipped")
    unfinished.update(state="sent", sent_at=timezone.now(), **UNCLAIMED)


def texts(announcement: Announcement) -> list[str]:
    with translation.override("en"):
        return [section.text.plain for section in content.MessageContent(announcement, "en").sections]


def test_texts_that_a_superseded_email_had_are_in_the_one_that_replaces_it() -> None:
    make_subscriber("reader@example.dk")
    incident, first = opened(workaround=Text(da="Brug webmail.", en="Use webmail."))
    second = announced(incident)
    assert first.deliveries.get().skip_reason == "superseded"
    for part_of_email in both(second):
        assert "Brug webmail." in part_of_email
    for channel in ("slack", "teams"):
        assert "Use webmail." in payloads.render(channel, "update", "en", second).body.decode()


def test_texts_of_several_superseded_emails_are_the_latest() -> None:
    make_subscriber("reader@example.dk")
    incident, _first = opened(workaround=Text(en="Use webmail."), scope=Text(en="All customers."))
    operations.edit_incident(
        by=ANYBODY, incident=incident, details={"workaround": Text(en="Use the app."), "scope": Text()}
    )
    announced(incident)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"next_steps": Text(en="More disks.")})
    assert texts(announced(incident)) == ["Use the app.", "More disks."]


def test_texts_are_not_repeated_once_everyone_has_them() -> None:
    make_subscriber("reader@example.dk")
    incident, _first = opened(workaround=Text(en="Use webmail."))
    second = announced(incident)
    assert texts(second) == ["Use webmail."]
    sent_to_everyone(second)
    assert texts(announced(incident)) == []


def test_text_that_is_only_late_for_one_reader_is_not_an_outdated_one() -> None:
    make_subscriber("reader@example.dk")
    late = make_subscriber("late@example.dk")
    incident, first = opened(workaround=Text(en="Use webmail."))
    Subscriber.objects.filter(pk=late.pk).update(paused_until=timezone.now() + HOUR)
    operations.edit_incident(by=ANYBODY, incident=incident, details={"workaround": Text(en="Use the app.")})
    sent_to_everyone(announced(incident))
    assert first.deliveries.get(subscriber=late).is_waiting
    assert texts(announced(incident)) == ["Use the app."]


def test_email_is_the_same_at_every_attempt_although_an_earlier_one_is_accepted_late() -> None:
    make_subscriber("reader@example.dk")
    incident, first = opened(workaround=Text(en="Use webmail."))
    first.deliveries.update(state="sending", **claimed())
    second = announced(incident)
    assert texts(second) == ["Use webmail."]
    sent_to_everyone(first)
    assert texts(Announcement.objects.get(pk=second.pk)) == ["Use webmail."]


def test_new_planned_end_in_a_superseded_email_is_in_the_one_that_replaces_it() -> None:
    make_page()
    make_subscriber("reader@example.dk")
    start = timezone.now() + HOUR
    work = make_maintenance(start=start, end=start + HOUR)
    sent_to_everyone(announced(work, phase=Phase.SCHEDULED))
    operations.edit_incident(by=ANYBODY, incident=work, details={"scheduled_until": start + 2 * HOUR})
    changed = announced(work, phase=Phase.SCHEDULED)
    repeated = announced(work, phase=Phase.SCHEDULED)
    assert changed.deliveries.get().skip_reason == "superseded"
    new_ends = {content.MessageContent(one, "da").new_end for one in (changed, repeated)}
    assert len(new_ends) == 1
    assert None not in new_ends
