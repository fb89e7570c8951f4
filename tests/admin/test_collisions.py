"""Two people at once: the second to save sees what the first one did, and nothing of either is lost."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, Incident, Update, UpdateTemplate
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.conftest import staff
from tests.admin.filling import filled
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ida(db: None) -> Client:
    return staff("ida", "view_incident", "add_incident", "change_incident", "publish_incident")


@pytest.fixture
def ole(db: None) -> Client:
    return staff("ole", "view_incident", "add_incident", "change_incident", "publish_incident")


def opened_form(client: Client, address: str) -> dict[str, str]:
    """What a browser sends of a form that was opened now."""
    return filled(client.get(address).context["form"])


def press(client: Client, address: str, form: dict[str, str], action: str = "draft", **typed: str) -> Any:
    return client.post(address, {**form, **typed, "action": action})


def shown_again(response: Any) -> dict[str, str]:
    assert response.status_code == 409
    return filled(response.context["form"])


def differences(response: Any) -> dict[str, bool]:
    """The label of each value in the panel, and whether both changed it."""
    return {value.label: value.collides for value in response.context["form"].changed_values}


def make_draft(incident: Incident, text: Text | None = None, **fields: Any) -> Update:
    statement = make_statement(text=text or Text(da="Et.\n\nTo.", en="One."), **fields)
    return operations.post_update(by=ANYBODY, incident=incident, statement=statement, draft=True)


def test_second_to_save_a_draft_sees_both_texts_and_decides(ida: Client, ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    first, second = opened_form(ida, address), opened_form(ole, address)
    assert press(ida, address, first, text_da="IDA\n\nTo.", text_en="Ida").status_code == 302
    response = press(ole, address, second, text_da="Et.\n\nOLE", text_en="Ole", action="publish")
    draft.refresh_from_db()
    assert (draft.text, draft.is_public) == ({"da": "IDA\n\nTo.", "en": "Ida"}, False)
    assert differences(response) == {"Text, Danish": False, "Text, English": True}
    form = shown_again(response)
    assert form["text_da"] == "IDA\n\nOLE"
    assert form["text_en"] == "Ole"
    page = response.content.decode()
    assert "Theirs (ida)" in page
    assert "&lt;time" not in page
    assert ">One.<" in page
    assert "Nothing has been saved yet. Please correct" not in page
    assert press(ole, address, form).status_code == 302
    draft.refresh_from_db()
    assert draft.text == {"da": "IDA\n\nOLE", "en": "Ole"}


def test_version_of_the_other_can_be_chosen_and_the_own_one_again(ida: Client, ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    first, second = opened_form(ida, address), opened_form(ole, address)
    press(ida, address, first, text_en="Ida")
    form = shown_again(press(ole, address, second, text_en="Ole"))
    response = ole.post(address, {**form, "text_en": "Ole, longer", "take": "theirs text_en"})
    assert filled(response.context["form"])["text_en"] == "Ida"
    assert "Ole, longer" in response.content.decode()
    response = ole.post(address, {**filled(response.context["form"]), "take": "mine text_en"})
    assert filled(response.context["form"])["text_en"] == "Ole, longer"
    draft.refresh_from_db()
    assert draft.text["en"] == "Ida"
    press(ole, address, filled(response.context["form"]))
    draft.refresh_from_db()
    assert draft.text["en"] == "Ole, longer"


def test_third_change_is_shown_before_the_second_decision_is_stored(ida: Client, ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    second = opened_form(ole, address)
    press(ida, address, opened_form(ida, address), text_en="Ida")
    form = shown_again(press(ole, address, second, text_en="Ole"))
    press(ida, address, opened_form(ida, address), text_en="Ida again")
    response = press(ole, address, form)
    assert differences(response) == {"Text, English": True}
    assert "Ida again" in response.content.decode()
    assert shown_again(response)["text_en"] == "Ole"


def test_form_sent_twice_collides_with_nothing(ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    for address in (incident_page(incident, "draft", draft.pk), incident_page(incident, "details")):
        form = opened_form(ole, address)
        for _press in range(2):
            changed = {"title_da": "Ny"} if "title_da" in form else {"text_da": "Ny"}
            assert press(ole, address, form, **changed).status_code == 302


def test_details_that_only_one_changed_are_merged(ida: Client, ole: Client) -> None:
    incident = make_incident(scope=Text(da="Før"))
    address = incident_page(incident, "details")
    first, second = opened_form(ida, address), opened_form(ole, address)
    press(ida, address, first, scope_da="Ida")
    response = press(ole, address, second, workaround_da="Ole")
    assert differences(response) == {"Scope, Danish": False}
    assert "Theirs (ida)" in response.content.decode()
    assert press(ole, address, shown_again(response)).status_code == 302
    incident.refresh_from_db()
    assert (incident.scope, incident.workaround) == ({"da": "Ida"}, {"da": "Ole"})


def test_older_update_puts_back_neither_phase_nor_components(ida: Client, ole: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE}, statement=None)
    address = incident_page(incident, "update")
    first, second = opened_form(ida, address), opened_form(ole, address)
    boxes = {one: f"component-{one.pk}" for one in (mail, web)}
    done = press(ida, address, first, "publish", phase="mitigated", text_da="Ida", **{boxes[mail]: "operational"})
    assert done.status_code == 302
    chosen = {boxes[web]: "partial_outage"}
    response = press(ole, address, second, "publish", text_da="Ole", notify="yes", **chosen)
    form = shown_again(response)
    assert differences(response) == {"Phase": False, "mail (en)": False}
    assert (form["phase"], form[boxes[mail]], form[boxes[web]]) == ("mitigated", "operational", "partial_outage")
    assert form["text_da"] == "Ole"
    assert [update.text["da"] for update in response.context["published_since"]] == ["Ida"]
    assert incident.updates.count() == 2
    assert press(ole, address, form, "publish").status_code == 302
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert (incident.phase, mail.status) == (Phase.MITIGATED, ComponentStatus.OPERATIONAL)


def test_phase_that_both_chose_is_marked_and_stays_as_chosen(ida: Client, ole: Client) -> None:
    incident = make_incident(statement=make_statement(Phase.INVESTIGATING))
    address = incident_page(incident, "update")
    second = opened_form(ole, address)
    make_update(incident, Phase.RESOLVED)
    response = press(ole, address, second, "publish", text_da="Ole", phase="identified")
    assert differences(response) == {"Phase": True}
    assert "phase" in response.context["form"].errors
    assert "Resolved" in response.content.decode()
    assert incident.updates.count() == 1 + 1


def test_update_that_was_published_after_a_draft_was_opened_is_shown_before_publishing(
    ida: Client, ole: Client
) -> None:
    incident = make_incident(statement=make_statement(Phase.INVESTIGATING))
    draft = make_draft(incident, phase=Phase.INVESTIGATING)
    address = incident_page(incident, "draft", draft.pk)
    form = opened_form(ole, address)
    make_update(incident, Phase.MITIGATED, text=Text(da="Ida"))
    assert press(ole, address, form, "draft").status_code == 302
    response = press(ole, address, form, "publish")
    assert [update.text["da"] for update in response.context["published_since"]] == ["Ida"]
    draft.refresh_from_db()
    assert not draft.is_public
    assert press(ole, address, shown_again(response), "publish").status_code == 302


def test_draft_that_changed_since_the_question_is_asked_about_again(ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "publish", draft.pk)
    opened = ole.get(address).context["opened"]
    operations.edit_draft(by=ANYBODY, update=draft, statement=make_statement(text=Text(en="Ida's words")))
    response = ole.post(address, {"opened": opened}, follow=True)
    assert "it was changed in the meantime" in response.content.decode()
    assert "Ida&#x27;s words" in response.content.decode()
    draft.refresh_from_db()
    assert not draft.is_public
    ole.post(address, {"opened": response.context["opened"]})
    draft.refresh_from_db()
    assert draft.is_public


def test_correction_keeps_the_texts_of_both(ida: Client, ole: Client) -> None:
    update = make_incident().updates.get()
    address = incident_page(update.incident, "correct", update.pk)
    first, second = opened_form(ida, address), opened_form(ole, address)
    press(ida, address, first, text_en="Ida")
    response = press(ole, address, second, text_en="Ole", notify="yes")
    assert differences(response) == {"Text, English": True}
    assert {"Ida", "Ole"} <= {one.text for value in response.context["form"].changed_values for one in value.versions}
    update.refresh_from_db()
    assert update.text["en"] == "Ida"
    assert not Announcement.objects.exists()
    press(ole, address, shown_again(response))
    update.refresh_from_db()
    assert update.text["en"] == "Ole"


@pytest.mark.parametrize("opened", [None, "", "{", "[]", '{"text_en": 1}', "[" * 100_000, "\x00"])
def test_form_without_a_readable_version_shows_what_is_stored(ole: Client, opened: str | None) -> None:
    update = make_incident().updates.get()
    address = incident_page(update.incident, "correct", update.pk)
    form = opened_form(ole, address) | {"text_en": "Ole", "changed": "{"}
    form = {name: value for name, value in form.items() if name != "opened"}
    response = ole.post(address, {**form, **({} if opened is None else {"opened": opened})})
    assert differences(response) == {"Text, English": True}
    assert press(ole, address, shown_again(response)).status_code == 302
    update.refresh_from_db()
    assert update.text["en"] == "Ole"


@pytest.mark.parametrize("changed", ["null", '{"values": 1}', '{"values": [{}]}', '{"values": [], "change": 1}'])
def test_form_with_an_unreadable_panel_is_saved_without_it(ole: Client, changed: str) -> None:
    update = make_incident().updates.get()
    address = incident_page(update.incident, "correct", update.pk)
    form = opened_form(ole, address)
    assert press(ole, address, form, text_en="Ole", changed=changed).status_code == 302
    assert ole.post(address, {**form, "changed": changed, "take": "theirs text_en"}).status_code in {200, 409}


def test_draft_that_somebody_else_published_becomes_a_correction_with_the_text_kept(ida: Client, ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    form = opened_form(ole, address)
    operations.publish_draft(by=ANYBODY, update=draft)
    response = press(ole, address, form, "publish", text_en="Ole", notify="yes")
    page = response.content.decode()
    assert "published in the meantime" in page
    assert filled(response.context["form"])["text_en"] == "Ole"
    assert not Announcement.objects.filter(reason="correction").exists()
    correct = incident_page(incident, "correct", draft.pk)
    assert f'action="{correct}"' in page
    assert press(ole, correct, filled(response.context["form"])).status_code == 302
    draft.refresh_from_db()
    assert draft.text["en"] == "Ole"


def test_text_of_a_draft_that_somebody_else_discarded_continues_as_a_new_update(ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    form = opened_form(ole, address)
    operations.discard_draft(by=ANYBODY, update=draft)
    response = press(ole, address, form, "publish", text_en="Ole writes")
    assert response.status_code == 409
    assert ("Text", "en", "Ole writes") in response.context["texts"]
    typed = response.context["typed"]
    response = ole.post(response.context["continue_at"], {**typed, "action": "template"})
    form = filled(response.context["form"])
    assert form["text_en"] == "Ole writes"
    assert ole.post(response.context["request"].path, {**form, "action": "publish"}).status_code == 302
    assert incident.updates.public().filter(text__en="Ole writes").exists()


def test_text_of_an_incident_that_somebody_else_discarded_continues_as_a_new_one(ole: Client) -> None:
    incident = make_incident(draft=True)
    address = incident_page(incident, "details")
    form = opened_form(ole, address)
    operations.discard_draft(by=ANYBODY, update=incident.updates.get())
    response = press(ole, address, form, scope_en="Ole writes")
    assert ("Scope", "en", "Ole writes") in response.context["texts"]
    response = ole.post(response.context["continue_at"], {**response.context["typed"], "action": "template"})
    form = filled(response.context["form"])
    assert form["scope_en"] == "Ole writes"
    typed = {**form, "phase": "investigating", "notify": "no", "action": "draft"}
    assert ole.post(response.context["request"].path, typed).status_code == 302
    assert Incident.objects.get().scope["en"] == "Ole writes"


def test_correction_of_an_update_that_was_undone_keeps_its_text(ole: Client) -> None:
    incident = make_incident(statement=make_statement(notify=True))
    update = incident.updates.get()
    address = incident_page(incident, "correct", update.pk)
    form = opened_form(ole, address)
    operations.undo_update(by=ANYBODY, update=update)
    response = press(ole, address, form, text_en="Ole writes")
    assert response.status_code == 409
    assert "Ole writes" in response.content.decode()
    assert incident_page(incident, "draft", update.pk) in response.content.decode()


def test_missing_page_stays_missing_for_those_who_only_look(ole: Client) -> None:
    incident = make_incident()
    draft = make_draft(incident)
    address = incident_page(incident, "draft", draft.pk)
    operations.discard_draft(by=ANYBODY, update=draft)
    assert ole.get(address).status_code == 404
    assert staff("eva", "view_incident").post(address, {"text_en": "x"}).status_code == 403


def test_update_of_an_incident_that_somebody_else_withdrew_keeps_its_text(ole: Client) -> None:
    incident = make_incident()
    address = incident_page(incident, "update")
    form = opened_form(ole, address)
    operations.withdraw(by=ANYBODY, incident=incident)
    response = press(ole, address, form, "publish", text_en="Ole writes")
    assert response.status_code == 422
    assert "withdrawn" in response.content.decode()
    assert "Ole writes" in response.content.decode()


def test_maintenance_that_somebody_else_moved_is_not_moved_back(ole: Client) -> None:
    make_page()
    client = staff("mia", "view_maintenance", "change_maintenance", "publish_maintenance")
    with time_machine.travel(datetime(2026, 9, 10, 8, tzinfo=UTC), tick=False):
        start = timezone.now() + timedelta(days=1)
        incident = make_maintenance(start=start, end=start + timedelta(hours=1))
        address = incident_page(incident, "details")
        form = opened_form(client, address)
        operations.edit_incident(by=ANYBODY, incident=incident, details={"scheduled_until": start + timedelta(hours=3)})
        response = press(client, address, form, scope_en="Mia")
        assert differences(response) == {"Planned end": False}
        assert "11 September 2026" in response.content.decode()
        assert "&lt;time" not in response.content.decode()
        press(client, address, shown_again(response))
    incident.refresh_from_db()
    assert (incident.scope["en"], incident.scheduled_until) == ("Mia", start + timedelta(hours=3))


def test_collision_costs_the_same_number_of_queries_however_much_there_is(
    ida: Client, ole: Client, django_assert_max_num_queries: Any
) -> None:
    incident = make_incident()
    address = incident_page(incident, "update")
    for number in range(1, 20):
        form = opened_form(ole, address)
        make_update(incident, Phase.MITIGATED, at=timezone.now() + timedelta(seconds=number), text=Text(da=str(number)))
    with django_assert_max_num_queries(40):
        assert press(ole, address, form, "publish", text_da="Ole").status_code == 409


def test_new_incident_form_is_opened_on_nothing(ole: Client) -> None:
    form = opened_form(ole, reverse("admin:incidents_incident_add"))
    assert "opened" not in form


def make_template() -> UpdateTemplate:
    return operations.add_template(
        by=ANYBODY,
        fields={"kind": "incident", "phase": "investigating", "name": Text(da="Nedbrud"), "text": Text(da="Nede")},
    )


SETTINGS: list[tuple[str, Callable[[], Any]]] = [
    ("component", make_component),
    ("componentgroup", make_group),
    ("updatetemplate", make_template),
    ("page", make_page),
]


def admin_form(client: Client, address: str) -> dict[str, str]:
    return filled(client.get(address).context["adminform"].form)


@pytest.mark.parametrize(("model", "make"), SETTINGS)
def test_settings_that_two_edit_are_merged_before_they_are_saved(
    publisher: Client, model: str, make: Callable[[], Any]
) -> None:
    row = make()
    address = reverse(f"admin:incidents_{model}_change", args=[row.pk])
    first, second = admin_form(publisher, address), admin_form(publisher, address)
    assert publisher.post(address, {**first, "name_en": "Ida"}).status_code == 302
    response = publisher.post(address, {**second, "name_da": "Ole"})
    form = response.context["adminform"].form
    assert response.status_code == 200
    assert [(value.label, value.collides) for value in form.changed_values] == [("Name, English", False)]
    assert "Theirs (karen)" in response.content.decode()
    row.refresh_from_db()
    assert (row.name["en"], row.name.get("da")) != ("Ida", "Ole")
    response = publisher.post(address, {**filled(form), "take": "mine name_en"})
    response = publisher.post(address, {**filled(response.context["adminform"].form), "take": "theirs name_en"})
    assert publisher.post(address, filled(response.context["adminform"].form)).status_code == 302
    row.refresh_from_db()
    assert (row.name["en"], row.name["da"]) == ("Ida", "Ole")


def test_settings_saved_by_another_between_check_and_save_are_checked_again(
    publisher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = make_template()
    address = reverse("admin:incidents_updatetemplate_change", args=[template.pk])
    form = admin_form(publisher, address)
    edit = operations.edit_template
    attempts: list[Any] = []

    def after_another(**kwargs: Any) -> UpdateTemplate:
        attempts.append(kwargs["opened"])
        if len(attempts) == 1:  # rolled back with the refused change, as both use one connection here
            edit(template=template, by=ANYBODY, fields={"text": Text(da="Ida")})
        return edit(**kwargs)

    monkeypatch.setattr(operations, "edit_template", after_another)
    assert publisher.post(address, {**form, "text_da": "Ole"}).status_code == 302
    assert len(attempts) == 2


def statuses_in_list(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(status-\w+)" value="(\w+)">', page))


def test_status_is_not_set_over_one_that_the_list_did_not_show(publisher: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    address = reverse("admin:incidents_component_changelist")
    seen = statuses_in_list(publisher.get(address).content.decode())
    assert seen == {f"status-{mail.pk}": "operational", f"status-{web.pk}": "operational"}
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.MAJOR_OUTAGE)
    data = {"action": "set_degraded_performance", "confirmed": "yes", "_selected_action": [mail.pk, web.pk]}
    response = publisher.post(address, {**data, **seen}, follow=True)
    page = response.content.decode()
    assert "Mail (en) was not changed: it has been set to “Major outage” in the meantime." in page
    assert "1 component changed." in page
    seen = statuses_in_list(page)
    assert seen == {f"status-{mail.pk}": "major_outage", f"status-{web.pk}": "degraded_performance"}
    publisher.post(address, {**data, **seen})
    mail.refresh_from_db()
    assert mail.status == ComponentStatus.DEGRADED_PERFORMANCE


def test_list_saves_only_the_positions_that_were_edited_in_it(publisher: Client) -> None:
    mail, web = make_component("mail"), make_component("web")
    address = reverse("admin:incidents_component_changelist")
    formset = publisher.get(address).context["cl"].formset
    data = {"_save": "Save", **filled(formset.management_form)}
    for number, form in enumerate(formset):
        data |= filled(form) | {f"initial-form-{number}-position": "0"}
        if form.instance.pk == web.pk:
            data[f"form-{number}-position"] = "7"
    operations.edit_component(by=ANYBODY, component=mail, fields={"position": 5})
    publisher.post(address, data)
    mail.refresh_from_db()
    web.refresh_from_db()
    assert (mail.position, web.position) == (5, 7)
