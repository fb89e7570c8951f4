"""Messages to Slack, Teams and webhooks stay within the limits of their receivers, whatever the texts are."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import Phase as Stage
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Component
from incidents.notifications.messages.payloads import render
from incidents.operations import Details
from incidents.shortening import utf16_length
from incidents.status import ComponentStatus, Phase, RootCauseStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

quick = hypothesis(
    max_examples=15,
    deadline=None,
    phases=[Stage.explicit, Stage.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
hostile = st.one_of(
    st.text(st.sampled_from("&<>*_[]\\`~|@!"), max_size=20_000),
    st.text(st.sampled_from("🇩🇰👩\u200d\u0301åa "), max_size=20_000),
    st.lists(st.sampled_from(["- node17", "> & <", "", "1. *x*", "# Head"]), max_size=2_000).map("\n".join),
    st.sampled_from("&<*_\\é👍x\u0301").map(lambda char: char * 20_000),
)


@pytest.fixture
def announcement() -> Announcement:
    make_page(name=Text(da="&" * 100, en="<" * 100))
    return announced()


def rendered(channel: str, announcement: Announcement, language: str = "en") -> Any:
    return json.loads(render(channel, "update", language, announcement).body)


def check_slack(message: Any) -> None:
    blocks = message["blocks"]
    assert len(blocks) <= 50
    assert utf16_length(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        for text in [block.get("text"), *block.get("elements", [])]:
            if text and text["type"] == "mrkdwn":
                assert 0 < utf16_length(text["text"]) <= 3_000
                unescaped = text["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
                assert "&" not in unescaped


def check_teams(announcement: Announcement) -> None:
    body = render("teams", "update", "en", announcement).body
    assert len(body) <= 28_000
    card = json.loads(body)["attachments"][0]["content"]
    assert card["actions"][0]["url"].startswith("https://status.example.dk/")


@quick
@given(hostile, hostile)
@example("\n".join(["- node17"] * 300), "\n\n".join(["Yes."] * 1_200))
def test_chat_messages_fit_whatever_the_text(announcement: Announcement, text: str, quote: str) -> None:
    update = announcement.update
    update.text, update.quote, update.quote_language = Text(en=text), quote, "da"
    update.report = {name: {"text": {"en": text}} for name in ("user_impact", "scope", "workaround", "next_steps")}
    update.incident.title = Text(en=f"{text[:150]}{quote[:50]}")
    update.incident.upstream_name = quote[:200]
    check_slack(rendered("slack", announcement))
    check_teams(announcement)


def test_text_that_was_shortened_ends_with_a_link(announcement: Announcement) -> None:
    announcement.update.text = Text(en="Fish & chips. " * 1_000)
    announcement.update.quote, announcement.update.quote_language = "Short words\n\n" * 1_000, "en"
    link = f"https://status.example.dk/en/incidents/{announcement.update.incident_id}"
    text, heading, quote = (block["text"]["text"] for block in rendered("slack", announcement)["blocks"][1:4])
    assert text.startswith("Fish &amp; chips. Fish")
    assert text.endswith(f"… <{link}/|Read more>")
    assert heading.startswith("*Quoted statement")
    assert all(line.startswith("> ") for line in quote.splitlines())
    assert quote.endswith(f"… <{link}/|Read more>")
    card = rendered("teams", announcement)["attachments"][0]["content"]["body"]
    assert card[1]["text"].endswith(f"… [Read more]({link}/)")


def test_short_text_is_complete(announcement: Announcement) -> None:
    sections = [block["text"]["text"] for block in rendered("slack", announcement)["blocks"] if "text" in block]
    assert sections[1:] == ["We have found the fault."]


def test_long_lists_of_components_are_shortened_with_a_link() -> None:
    make_page()
    name = Text(da="&" * 100, en="\\" * 100)
    components = [make_component(f"node-{number}", name=name, position=number) for number in range(500)]
    Component.objects.filter(pk=components[0].pk).update(name=Text(da="Webmail", en="Webmail"))
    statuses = {component.pk: ComponentStatus.MAJOR_OUTAGE for component in components}
    announcement = announced(components=statuses, text=Text(da="```\n" + "*" * 19_990 + "\n```", en="👍" * 20_000))
    for language, more in (("da", "flere"), ("en", "more")):
        message = rendered("slack", announcement, language)
        check_slack(message)
        facts = message["blocks"][1]["text"]["text"].splitlines()
        assert facts[0].startswith("✕ *Webmail*: ")
        shown = len(facts) - 1
        assert facts[-1].endswith(f"|+ {500 - shown} {more}>")
        assert 3 <= shown <= 20
    check_teams(announcement)
    card = rendered("teams", announcement)["attachments"][0]["content"]["body"]
    assert len(card[1]["facts"]) == 20
    assert "[+ 480 more](https://" in card[2]["text"]


def test_webhook_gets_the_newest_updates_that_fit() -> None:
    """Standard Webhooks advise less than 20 kB."""
    make_page()
    incident = make_incident(statement=make_statement(text=Text(da="Den første.", en="The first.")))
    for number in range(40):
        make_update(incident, text=Text(da="", en=f"Number {number}. {'We are working on it. ' * 20}"))
    newest = announced(incident, text=Text(da="", en="The newest."))
    body = render("webhook", "update", "en", newest).body
    assert 18_000 < len(body) < 20_000
    said = json.loads(body)["incident"]
    bodies = [update["body"] for update in said["incident_updates"]]
    assert bodies[0] == "The newest."
    assert bodies[1].startswith("Number 39.")
    assert len(bodies) + said["details"]["updates_left_out"] == 42


def test_webhook_gets_the_newest_update_whole_however_long_it_is() -> None:
    make_page()
    incident = make_incident(statement=make_statement())
    said = rendered("webhook", announced(incident, text=Text(da="", en="x" * 20_000)))["incident"]
    assert [len(update["body"]) for update in said["incident_updates"]] == [20_000]
    assert said["details"]["updates_left_out"] == 1


REPORT: dict[str, Any] = {
    "user_impact": Text(da="Mail kommer **sent**.", en="Mail is **late**."),
    "workaround": Text(da="Brug webmail & vent.", en="Use webmail & wait."),
    "root_cause": Text(da="En disk var fuld.", en="A disk was full."),
    "root_cause_status": RootCauseStatus.PRELIMINARY,
}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                ("User impact", "Mail is late."),
                ("Workaround", "Use webmail & wait."),
                ("Root cause (preliminary)", "A disk was full."),
            ],
        ),
        (
            "da",
            [
                ("Konsekvens for brugerne", "Mail kommer sent."),
                ("Midlertidig løsning", "Brug webmail & vent."),
                ("Årsag (foreløbig)", "En disk var fuld."),
            ],
        ),
    ],
)
def test_chats_get_what_the_update_gives_of_the_report(language: str, expected: list[tuple[str, str]]) -> None:
    """An update announces each text once, also to those who are notified in a chat."""
    make_page()
    make_incident(statement=make_statement(notify=True), **REPORT)
    release_held()
    announcement = Announcement.objects.get()
    sections = [block["text"]["text"] for block in rendered("slack", announcement, language)["blocks"][2:5]]
    assert sections == [f"*{label}*\n{text}".replace("&", "&amp;") for label, text in expected]
    card = rendered("teams", announcement, language)["attachments"][0]["content"]["body"]
    assert [block["text"] for block in card[2:8]] == [text for pair in expected for text in pair]


def test_long_text_of_the_report_ends_with_a_link() -> None:
    make_page()
    make_incident(statement=make_statement(notify=True), scope=Text(da="Alle. " * 1_000, en="Everybody. " * 1_000))
    release_held()
    announcement = Announcement.objects.get()
    section = rendered("slack", announcement)["blocks"][2]["text"]["text"]
    assert re.search(r"Everybody\. … <https://\S+\|Read more>$", section)
    card = rendered("teams", announcement)["attachments"][0]["content"]["body"]
    assert re.search(r"Everybody\. … \[Read more\]\(https://\S+\)$", card[3]["text"])


@pytest.mark.parametrize(("language", "new"), [("en", "New planned end: "), ("da", "Ny planlagt sluttid: ")])
def test_chats_get_a_new_end_of_maintenance(language: str, new: str) -> None:
    make_page()
    start = timezone.now() + timedelta(hours=1)
    maintenance = make_maintenance(start=start, end=start + timedelta(hours=1))
    announced(maintenance, phase=Phase.SCHEDULED)
    details: Details = {"scheduled_until": start + timedelta(hours=3)}
    operations.edit_incident(by=ANYBODY, incident=maintenance, details=details)
    announcement = announced(maintenance, phase=Phase.SCHEDULED, at=timezone.now())
    assert new in rendered("slack", announcement, language)["blocks"][1]["text"]["text"]
    assert any(
        block["text"].startswith(new)
        for block in rendered("teams", announcement, language)["attachments"][0]["content"]["body"]
        if block["type"] == "TextBlock"
    )
