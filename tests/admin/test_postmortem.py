"""The editor of postmortems: its sections, its drafts, and what two people do at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.admin.postmortem import prefilled
from incidents.models import Announcement, Incident, Update
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.conftest import staff
from tests.admin.filling import filled, send
from tests.factories import make_incident, make_maintenance, make_statement, make_subscriber, make_update

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 10, 8, 0, tzinfo=UTC)
STORED = "## What happened\n\nMail was slow.\n\n## What we change\n\nMore disks."


@pytest.fixture
def incident(db: None) -> Incident:
    """Found, then resolved 30 minutes later; over since."""
    with time_machine.travel(NOW, tick=False):
        incident = make_incident(
            statement=make_statement(
                text=Text(da="Vi undersøger det fra kl. 9.30. Mere følger.", en="We *investigate* snake_case. More.")
            ),
            root_cause=Text(da="En disk.", en="A disk."),
            next_steps=Text(da="Flere diske.", en="More disks."),
        )
    with time_machine.travel(NOW + timedelta(minutes=30), tick=False):
        make_update(incident, Phase.RESOLVED, text=Text(en="Fixed!"))
    incident.refresh_from_db()
    return incident


def write(incident: Incident) -> str:
    return incident_page(incident, "postmortem")


def draft_of(incident: Incident) -> Update:
    return incident.updates.get(published_at=None)


def make_draft(incident: Incident, text: Text, **fields: Any) -> Update:
    statement = make_statement(Phase.POSTMORTEM, text=text, **fields)
    return operations.post_update(by=ANYBODY, incident=incident, statement=statement, draft=True)


def test_sections_are_filled_in_from_the_incident(incident: Incident, publisher: Client) -> None:
    form = filled(publisher.get(write(incident)).context["form"])
    assert form["text_timeline_en"].splitlines() == [
        "- **10 Oct 2023, 10:00** – We investigate snake_case.",
        "- **10 Oct 2023, 10:30** – Fixed!",
    ]
    assert form["text_timeline_da"].splitlines() == [
        "- **10.10.2023 kl. 10.00** – Vi undersøger det fra kl. 9.30.",
        "- **10.10.2023 kl. 10.30** – Løst",
    ]
    assert (form["text_cause_da"], form["text_cause_en"]) == ("En disk.", "A disk.")
    assert (form["text_change_da"], form["text_change_en"]) == ("Flere diske.", "More disks.")
    assert (form["text_happened_en"], form["notify"]) == ("", "no")


def test_timeline_stays_empty_in_a_language_without_any_update() -> None:
    incident = make_incident(statement=make_statement(text=Text(en="Down [now](https://example.dk) *all* `x`.")))
    assert set(prefilled(incident)["timeline"]) == {"en"}


def test_formatting_of_a_first_sentence_is_not_formatting_of_the_timeline() -> None:
    incident = make_incident(statement=make_statement(text=Text(en=r"Use 2\*3 and \[x\] and _all_.")))
    assert prefilled(incident)["timeline"]["en"].endswith(r"– Use 2\*3 and \[x\] and all.")


def test_draft_is_stored_under_headings_and_opens_in_its_sections(incident: Incident, publisher: Client) -> None:
    typed = {"text_happened_da": "Mail var langsom.", "text_happened_en": "Mail was slow.", "text_timeline_da": ""}
    response = send(publisher, write(incident), "draft", **typed, text_timeline_en="", text_cause_da="")
    assert response["Location"] == incident_page(incident)
    draft = draft_of(incident)
    assert draft.phase == Phase.POSTMORTEM
    assert draft.text == {
        "da": "## Hvad der skete\n\nMail var langsom.\n\n## Hvad vi ændrer\n\nFlere diske.",
        "en": "## What happened\n\nMail was slow.\n\n## Cause\n\nA disk.\n\n## What we change\n\nMore disks.",
    }
    page = publisher.get(incident_page(incident, "draft", draft.pk))
    assert page.templates[0].name == "admin/newsroom/postmortem.html"
    form = filled(page.context["form"])
    assert form["text_happened_da"] == "Mail var langsom."
    assert (form["text_cause_da"], form["text_cause_en"]) == ("", "A disk.")


def test_draft_is_on_the_front_page_and_opened_instead_of_a_second_one(incident: Incident, publisher: Client) -> None:
    draft = make_draft(incident, Text(en=STORED))
    address = incident_page(incident, "draft", draft.pk)
    assert address in publisher.get("/admin/").content.decode()
    assert publisher.get(write(incident)).redirect_chain[-1][0] == address


def test_text_without_our_headings_is_kept_in_the_first_section(incident: Incident, publisher: Client) -> None:
    draft = make_draft(incident, Text(en="Free *text*.\n\n## Own heading\n\nMore."))
    address = incident_page(incident, "draft", draft.pk)
    assert filled(publisher.get(address).context["form"])["text_happened_en"] == draft.text["en"]


@pytest.mark.parametrize(("notify", "announced"), [("no", 0), ("yes", 1)])
def test_draft_is_published_with_or_without_notifying(
    incident: Incident, publisher: Client, notify: str, announced: int
) -> None:
    make_subscriber()
    before, ended = Announcement.objects.count(), incident.ended_at
    draft = make_draft(incident, Text(en=STORED))
    send(publisher, incident_page(incident, "draft", draft.pk), notify=notify, text_cause_en="A disk.")
    draft.refresh_from_db()
    incident.refresh_from_db()
    assert draft.is_public
    assert "## Cause\n\nA disk." in draft.text["en"]
    assert Announcement.objects.count() - before == announced
    assert (incident.phase, incident.ended_at) == (Phase.POSTMORTEM, ended)


def test_new_postmortem_sent_twice_is_stored_once(incident: Incident, publisher: Client) -> None:
    response = publisher.get(write(incident))
    form = {**filled(response.context["form"]), "action": "publish"}
    address = response.redirect_chain[-1][0]
    for _time in range(2):
        assert publisher.post(address, form).status_code == 302
    assert incident.updates.filter(phase=Phase.POSTMORTEM).count() == 1


def test_draft_from_the_composer_keeps_what_the_sections_do_not_have(incident: Incident, publisher: Client) -> None:
    fields = {"quote": "Sorry.", "quote_language": "en", "quote_url": "https://example.dk/"}
    draft = make_draft(incident, Text(en=STORED), at=NOW + timedelta(hours=1), **fields)
    send(publisher, incident_page(incident, "draft", draft.pk), "draft", text_cause_en="A disk.")
    saved = draft_of(incident)
    assert {name: getattr(saved, name) for name in fields} == fields
    assert (saved.at, saved.notify) == (NOW + timedelta(hours=1), False)


def test_postmortem_is_scheduled(incident: Incident, publisher: Client) -> None:
    send(publisher, write(incident), "schedule", publish_at="2123-01-01T10:00")
    assert draft_of(incident).is_scheduled


def test_errors_are_beside_the_sections(incident: Incident, publisher: Client) -> None:
    draft = make_draft(incident, Text(en=STORED))
    address = incident_page(incident, "draft", draft.pk)
    nothing = {"text_happened_en": "", "text_change_en": ""}
    response = send(publisher, address, **nothing)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["text_happened"]
    response = send(publisher, address, text_cause_en="x" * 20_001)
    assert list(response.context["form"].errors) == ["text_happened"]
    assert not Update.objects.get(pk=draft.pk).is_public


def test_preview_shows_the_sections_and_stores_nothing(incident: Incident, publisher: Client) -> None:
    form = {**filled(publisher.get(write(incident)).context["form"]), "text_happened_en": "Mail was slow."}
    response = publisher.post(incident_page(incident, "postmortem_preview"), {**form, "preview": "page-en"})
    content = response.content.decode()
    assert "What happened</h" in content
    assert "Mail was slow." in content
    assert not incident.updates.filter(phase=Phase.POSTMORTEM).exists()


def test_second_to_save_a_draft_sees_the_sections_of_the_first(incident: Incident, publisher: Client) -> None:
    ole = staff("ole", "view_incident", "add_incident", "change_incident", "publish_incident")
    draft = make_draft(incident, Text(en=STORED))
    address = incident_page(incident, "draft", draft.pk)
    first, second = (filled(client.get(address).context["form"]) for client in (publisher, ole))
    publisher.post(address, {**first, "text_cause_en": "A disk.", "text_change_en": "Theirs.", "action": "draft"})
    response = ole.post(address, {**second, "text_change_en": "Mine.", "action": "publish"})
    assert response.status_code == 409
    shown = {value.label: value.collides for value in response.context["form"].changed_values}
    assert shown == {"Cause, English": False, "What we change, English": True}
    form = filled(response.context["form"])
    assert (form["text_cause_en"], form["text_change_en"]) == ("A disk.", "Mine.")
    taken = ole.post(address, {**form, "take": "theirs text_change_en"})
    assert filled(taken.context["form"])["text_change_en"] == "Theirs."
    assert ole.post(address, {**form, "action": "publish"}).status_code == 302
    draft.refresh_from_db()
    assert draft.is_public
    assert draft.text["en"].endswith("## Cause\n\nA disk.\n\n## What we change\n\nMine.")


def test_second_draft_of_a_postmortem_is_not_stored_but_kept(incident: Incident, publisher: Client) -> None:
    response = publisher.get(write(incident))
    form, address = filled(response.context["form"]), response.redirect_chain[-1][0]
    theirs = make_draft(incident, Text(en=STORED))
    answer = publisher.post(address, {**form, "text_happened_en": "Mine.", "action": "publish"})
    assert answer.status_code == 409
    assert "## What happened\n\nMine." in answer.content.decode()
    assert incident_page(incident, "draft", theirs.pk) in answer.content.decode()
    assert incident.updates.filter(phase=Phase.POSTMORTEM).count() == 1


def test_update_published_in_the_meantime_is_shown_before_a_postmortem(incident: Incident, publisher: Client) -> None:
    response = publisher.get(write(incident))
    form, address = filled(response.context["form"]), response.redirect_chain[-1][0]
    make_update(incident, Phase.RESOLVED, text=Text(en="One more thing."))
    answer = publisher.post(address, {**form, "text_happened_en": "Mine.", "action": "publish"})
    assert answer.status_code == 409
    assert "One more thing." in answer.content.decode()
    assert not incident.updates.filter(phase=Phase.POSTMORTEM).exists()


@pytest.mark.parametrize("has_draft", [True, False])
def test_reopened_incident_gets_no_postmortem_and_the_text_is_kept(
    incident: Incident, publisher: Client, has_draft: bool
) -> None:
    address = write(incident)
    if has_draft:
        address = incident_page(incident, "draft", make_draft(incident, Text(en=STORED)).pk)
    form = filled(publisher.get(address).context["form"])
    operations.reopen(by=ANYBODY, incident=incident, statement=make_statement(Phase.IDENTIFIED))
    answer = publisher.post(address, {**form, "text_happened_en": "Mine.", "action": "publish"})
    assert answer.status_code == 409
    assert "Mine." in answer.content.decode()
    incident.refresh_from_db()
    assert not incident.is_over


def test_sections_of_a_deleted_draft_are_kept(incident: Incident, publisher: Client) -> None:
    draft = make_draft(incident, Text(en=STORED))
    address = incident_page(incident, "draft", draft.pk)
    form = filled(publisher.get(address).context["form"])
    operations.discard_draft(by=ANYBODY, update=draft)
    answer = publisher.post(address, {**form, "text_cause_en": "A disk.", "action": "draft"})
    assert answer.status_code == 409
    assert "## Cause\n\nA disk." in answer.content.decode()


def test_draft_published_by_somebody_else_becomes_a_correction(incident: Incident, publisher: Client) -> None:
    draft = make_draft(incident, Text(en=STORED))
    address = incident_page(incident, "draft", draft.pk)
    form = filled(publisher.get(address).context["form"])
    operations.publish_draft(by=ANYBODY, update=draft)
    answer = publisher.post(address, {**form, "text_cause_en": "A disk.", "action": "draft"})
    assert filled(answer.context["form"])["text_cause_en"] == "A disk."
    correction = filled(answer.context["form"])
    publisher.post(incident_page(incident, "correct", draft.pk), correction)
    draft.refresh_from_db()
    assert "## Cause\n\nA disk." in draft.text["en"]


def test_published_postmortem_is_corrected_in_its_sections(incident: Incident, publisher: Client) -> None:
    update = make_update(incident, Phase.POSTMORTEM, text=Text(en=STORED))
    address = incident_page(incident, "correct", update.pk)
    send(publisher, address, text_change_en="Faster disks.")
    update.refresh_from_db()
    assert update.text["en"] == "## What happened\n\nMail was slow.\n\n## What we change\n\nFaster disks."
    assert update.corrected_at is not None
    response = send(publisher, address, text_change_en="", text_happened_en="")
    assert list(response.context["form"].errors) == ["text_happened"]


def test_corrections_of_two_collide_by_section(incident: Incident, publisher: Client) -> None:
    update = make_update(incident, Phase.POSTMORTEM, text=Text(en=STORED))
    address = incident_page(incident, "correct", update.pk)
    first = filled(publisher.get(address).context["form"])
    operations.correct_update(by=ANYBODY, update=update, text=Text(en=STORED + "\n\nAnd faster."))
    answer = publisher.post(address, {**first, "text_happened_en": "Mail was very slow."})
    assert answer.status_code == 409
    form = filled(answer.context["form"])
    assert (form["text_happened_en"], form["text_change_en"]) == ("Mail was very slow.", "More disks.\n\nAnd faster.")


def test_other_postmortem_is_corrected_as_one_text(incident: Incident, publisher: Client) -> None:
    update = make_update(incident, Phase.POSTMORTEM, text=Text(da="Fri tekst.", en=STORED))
    form = filled(publisher.get(incident_page(incident, "correct", update.pk)).context["form"])
    assert (form["text_da"], form["text_en"]) == ("Fri tekst.", STORED)


def test_postmortem_is_offered_once_the_incident_is_over(incident: Incident, publisher: Client) -> None:
    def is_offered(one: Incident) -> bool:
        return write(one) in publisher.get(incident_page(one)).content.decode()

    assert is_offered(incident)
    assert not is_offered(make_incident())
    make_update(incident, Phase.POSTMORTEM, text=Text(en=STORED))
    assert not is_offered(incident)


def test_open_incident_and_maintenance_have_no_postmortem(publisher: Client) -> None:
    ongoing = make_incident()
    assert publisher.get(write(ongoing)).redirect_chain[-1][0] == incident_page(ongoing)
    work = make_maintenance(start=NOW, end=NOW + timedelta(hours=1))
    assert publisher.get(write(work)).status_code == 404


def test_staff_without_the_right_cannot_write_it(incident: Incident, viewer: Client) -> None:
    assert viewer.get(write(incident)).status_code == 403
    assert viewer.post(write(incident), {"text_happened_en": "x", "action": "publish"}).status_code == 403


def test_editor_speaks_danish(incident: Incident, publisher: Client) -> None:
    content = publisher.get(write(incident), headers={"Accept-Language": "da"}).content.decode()
    for label in ("Efterrapport", "Hvad der skete", "Tidslinje", "Årsag", "Hvad vi ændrer"):
        assert label in content


def test_sentence_warns_that_a_language_is_missing(incident: Incident, publisher: Client) -> None:
    form = filled(publisher.get(write(incident)).context["form"])
    address = reverse("admin:incidents_incident_audience") + f"?incident={incident.pk}"
    sentence = "Not everything is translated into Danish."
    danish = {name: "" for name in form if name.endswith("_da")}
    assert sentence in publisher.post(address, {**form, **danish}).json()["html"]
    written = dict.fromkeys(danish, "Tekst")
    assert sentence not in publisher.post(address, {**form, **written}).json()["html"]
