"""Open forms: what is typed is kept on the server and offered again, and others see who is writing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from incidents import operations, scheduler
from incidents.admin.addresses import incident_page
from incidents.models import Incident, UnsavedForm, Update
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.conftest import staff
from tests.admin.filling import filled
from tests.factories import make_incident, make_maintenance, make_page, make_statement

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY, OTHER_KEY = "0123456789abcdef" * 2, "f" * 32
WRITER = ("view_incident", "add_incident", "change_incident", "publish_incident")
NEW_INCIDENT = "/admin/incidents/incident/add/"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ida(db: None) -> Client:
    return staff("ida", *WRITER)


@pytest.fixture
def ole(db: None) -> Client:
    return staff("ole", *WRITER)


def report(client: Client, path: str, typed: str = "", key: str = KEY, **values: str) -> Any:
    """What the script of an open form sends: nothing typed, or all its fields."""
    given = {"unsaved": key, "path": path, **({"typed": typed} if typed else {}), **values}
    return client.post(reverse("admin:keep_unsaved"), given)


def names(client: Client, **query: str) -> str:
    """The names of those who are writing, as text."""
    shown = client.get(reverse("admin:writers"), query).content.decode()
    return " ".join(re.sub("<[^>]*>", " ", shown).split())


def test_typed_text_is_offered_on_another_device_and_restored_without_being_saved(ida: Client) -> None:
    incident = make_incident()
    address = incident_page(incident, "update")
    form = filled(ida.get(address).context["form"])
    assert report(ida, address, "yes", **{**form, "text_da": "Halvt <skrevet>"}).status_code == 200
    page = ida.get(address).content.decode()
    assert '<p lang="da">Halvt &lt;skrevet&gt;</p>' in page
    assert "You typed this and did not save it:" in page
    restored = ida.post(address, {"restore": KEY})
    assert filled(restored.context["form"])["text_da"] == "Halvt <skrevet>"
    assert restored.context["form"]["id"].value() == form["id"]
    assert f'name="unsaved" value="{KEY}"' in restored.content.decode()
    assert not incident.updates.filter(text__da__contains="Halvt").exists()


def over() -> Incident:
    with time_machine.travel(NOW - timedelta(hours=1)):
        incident = make_incident()
    operations.resolve(by=ANYBODY, incident=incident, text=Text(da="Rettet.", en="Fixed."), notify=False)
    incident.refresh_from_db()
    return incident


def planned() -> Incident:
    return make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=1))


@pytest.mark.parametrize("step", ["add", "update", "draft", "details", "correct", "postmortem"])
def test_every_form_keeps_and_offers_what_was_typed(ida: Client, step: str) -> None:
    incident = over() if step == "postmortem" else make_incident()
    update = incident.updates.earliest("at")
    address = {
        "add": lambda: NEW_INCIDENT,
        "draft": lambda: incident_page(incident, "draft", make_draft(incident).pk),
        "correct": lambda: incident_page(incident, "correct", update.pk),
    }.get(step, lambda: incident_page(incident, step))()
    page = ida.get(address)
    box = next(name for name in filled(page.context["form"]) if name.endswith("_da"))
    assert 'name="unsaved"' in page.content.decode()
    assert report(ida, address, "yes", **{**filled(page.context["form"]), box: "Halvt skrevet"}).status_code == 200
    [kept] = ida.get(address).context["unsaved_forms"].kept
    assert kept.form.values[box] == "Halvt skrevet"
    restored = ida.post(address, {"restore": KEY})
    assert filled(restored.context["form"])[box] == "Halvt skrevet"


@pytest.mark.parametrize("step", ["add", "postmortem"])
def test_restored_form_says_that_nothing_is_saved(ida: Client, step: str) -> None:
    address = NEW_INCIDENT if step == "add" else incident_page(over(), step)
    typed = {"title_da": "Nede", "text_da": "Halvt", "text_happened_da": "Halvt"}
    form = filled(ida.get(address).context["form"])
    report(ida, address, "yes", **{**form, **{name: text for name, text in typed.items() if name in form}})
    restored = ida.post(address, {"restore": KEY})
    assert not restored.context["form"].errors
    assert "Nothing has been saved yet." in restored.content.decode()


def make_draft(incident: Incident) -> Update:
    return operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(), draft=True)


def test_saved_form_is_offered_no_more_even_if_a_late_report_arrives(ida: Client) -> None:
    incident = make_incident()
    address = incident_page(incident, "update")
    form = {**filled(ida.get(address).context["form"]), "text_da": "Færdig"}
    report(ida, address, "yes", **form)
    refused = ida.post(address, {**form, "unsaved": KEY, "action": "schedule"})
    assert refused.status_code == 422
    assert ida.get(address).context["unsaved_forms"].kept
    assert ida.post(address, {**form, "unsaved": KEY, "action": "draft"}).status_code == 302
    assert report(ida, address, "yes", **form).status_code == 409
    assert ida.get(address).context["unsaved_forms"].kept == []
    assert UnsavedForm.objects.get().values == {}


def test_form_that_was_saved_before_its_first_report_is_not_offered(ida: Client) -> None:
    address = incident_page(make_incident(), "update")
    form = {**filled(ida.get(address).context["form"]), "text_da": "Hurtigt"}
    assert ida.post(address, {**form, "unsaved": KEY, "action": "draft"}).status_code == 302
    assert report(ida, address, "yes", **form).status_code == 409
    assert ida.get(address).context["unsaved_forms"].kept == []


def test_text_that_was_discarded_or_deleted_again_is_not_offered(ida: Client) -> None:
    report(ida, NEW_INCIDENT, "yes", text_da="Et")
    report(ida, NEW_INCIDENT, "yes", key=OTHER_KEY, text_da="To")
    assert len(ida.get(NEW_INCIDENT).context["unsaved_forms"].kept) == 2
    answer = ida.post(reverse("admin:discard_unsaved"), {"unsaved": KEY})
    assert answer.headers["Location"] == NEW_INCIDENT
    report(ida, NEW_INCIDENT, "no", key=OTHER_KEY)
    assert ida.get(NEW_INCIDENT).context["unsaved_forms"].kept == []


def test_same_text_is_offered_once_and_forgotten_with_the_form_that_saves_it(ida: Client) -> None:
    address = incident_page(make_incident(), "update")
    first, second = (filled(ida.get(address).context["form"]) for _number in range(2))
    report(ida, address, "yes", **{**first, "text_da": "Det samme"})
    report(ida, address, "yes", key=OTHER_KEY, **{**second, "text_da": "Det samme"})
    assert len(ida.get(address).context["unsaved_forms"].kept) == 1
    ida.post(address, {**second, "text_da": "Det samme, gemt", "unsaved": OTHER_KEY, "action": "draft"})
    assert ida.get(address).context["unsaved_forms"].kept == []


def test_heartbeat_without_text_leaves_what_is_kept(ida: Client) -> None:
    report(ida, NEW_INCIDENT, "yes", text_da="Et")
    assert report(ida, NEW_INCIDENT).json() == {"said": ""}
    assert ida.get(NEW_INCIDENT).context["unsaved_forms"].kept[0].form.values["text_da"] == "Et"


def test_text_of_a_reopening_goes_back_into_the_form_of_a_reopening(ida: Client) -> None:
    incident = over()
    address = incident_page(incident, "update") + "?reopen=1"
    form = filled(ida.get(address).context["form"])
    report(ida, address, "yes", **{**form, "text_da": "Igen nede"})
    [kept] = ida.get(address).context["unsaved_forms"].kept
    restored = ida.post(kept.form.path, {"restore": KEY})
    assert restored.context["only_publish"]
    assert not restored.context["form"].errors


def test_text_for_a_draft_that_is_gone_is_offered_on_the_page_of_the_incident(ida: Client) -> None:
    incident = make_incident()
    drafts = {KEY: make_draft(incident), OTHER_KEY: make_draft(incident)}
    paths = {key: incident_page(incident, "draft", draft.pk) for key, draft in drafts.items()}
    for key, path in paths.items():
        report(ida, path, "yes", key=key, left="yes", **{**filled(ida.get(path).context["form"]), "text_da": "Halvt"})
    operations.publish_draft(by=ANYBODY, update=drafts[KEY])
    operations.discard_draft(by=ANYBODY, update=drafts[OTHER_KEY])
    page = ida.get(incident_page(incident)).content.decode()
    for key, path in paths.items():
        assert re.search(rf'action="{path}".*?value="{key}"', page, re.DOTALL)
    published = ida.post(paths[KEY], {"restore": KEY})
    assert "This draft was published in the meantime." in published.content.decode()
    assert filled(published.context["form"])["text_da"] == "Halvt"
    discarded = ida.post(paths[OTHER_KEY], {"restore": OTHER_KEY})
    assert discarded.context["texts"][0][2] == "Halvt"
    answer = ida.post(reverse("admin:discard_unsaved"), {"unsaved": OTHER_KEY, "incident": "yes"})
    assert answer.headers["Location"] == incident_page(incident)


def test_text_for_a_postmortem_that_somebody_else_began_is_offered_on_the_page_of_the_incident(ida: Client) -> None:
    incident = over()
    address = incident_page(incident, "postmortem")
    report(ida, address, "yes", **{**filled(ida.get(address).context["form"]), "text_happened_da": "Halvt"})
    assert KEY not in ida.get(incident_page(incident)).content.decode()
    operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(Phase.POSTMORTEM), draft=True)
    assert KEY in ida.get(incident_page(incident)).content.decode()
    restored = ida.post(address, {"restore": KEY}).content.decode()
    assert "A draft of this postmortem exists already. What you wrote is kept here." in restored
    assert "Halvt" in restored


def test_page_of_an_incident_offers_no_text_of_a_form_that_can_be_opened_or_may_not_be_sent(ida: Client) -> None:
    incident = make_incident()
    public, draft = incident.updates.get(), make_draft(incident)
    steps = [("update",), ("details",), ("draft", draft.pk), ("correct", public.pk)]
    for number, step in enumerate(steps):
        report(ida, incident_page(incident, *step), "yes", key=f"{number:032x}", text_da=f"Halvt {number}")
    assert "Halvt" not in ida.get(incident_page(incident)).content.decode()
    operations.discard_draft(by=ANYBODY, update=draft)
    assert "Halvt 2" in ida.get(incident_page(incident)).content.decode()
    user = get_user_model().objects.get(username="ida")
    user.user_permissions.remove(Permission.objects.get(codename="change_incident"))
    assert "Halvt" not in ida.get(incident_page(incident)).content.decode()


def test_text_that_was_saved_meanwhile_is_not_restored(ida: Client, ole: Client) -> None:
    report(ida, NEW_INCIDENT, "yes", text_da="Et")
    for person, key in ((ole, KEY), (ida, OTHER_KEY), (ida, "\0")):
        answer = person.post(NEW_INCIDENT, {"restore": key}, follow=True)
        assert "This text is not kept any more" in answer.content.decode()
        assert not answer.context["form"].is_bound


def test_nobody_is_offered_what_somebody_else_typed(ida: Client, ole: Client) -> None:
    report(ida, NEW_INCIDENT, "yes", text_da="Idas")
    assert "Idas" not in ole.get(NEW_INCIDENT).content.decode()
    ole.post(reverse("admin:discard_unsaved"), {"unsaved": KEY})
    report(ole, NEW_INCIDENT, "yes", text_da="Oles")
    assert ida.get(NEW_INCIDENT).context["unsaved_forms"].kept[0].form.values["text_da"] == "Idas"


def test_others_see_who_is_writing_until_the_form_is_left(
    ida: Client, ole: Client, clock: time_machine.Traveller
) -> None:
    make_page()
    incident, other = make_incident(title={"en": "Mail is down"}), make_incident()
    address = incident_page(incident, "update")
    report(ida, address)
    assert names(ole, incident=incident.pk) == "ida is writing an update."
    assert names(ole) == "ida is writing an update. Mail is down"
    assert names(ole, incident=other.pk) == names(ole, new="yes") == names(ida) == ""
    for page in (reverse("admin:index"), incident_page(incident), address):
        assert "<b>ida</b> is writing an update." in ole.get(page).content.decode()
    report(ida, address, left="yes")
    assert names(ole) == ""
    report(ida, address)
    clock.shift(19)  # the script asks every ten seconds: gone within thirty
    assert names(ole) == ""


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("add", "ida is writing a new incident."),
        ("details", "ida is editing the details."),
        ("correct", "ida is correcting an update."),
        ("draft", "ida is editing a draft."),
        ("postmortem", "ida is writing a postmortem."),
    ],
)
def test_names_say_what_is_being_written(ida: Client, ole: Client, step: str, sentence: str) -> None:
    incident = over()
    update = incident.updates.latest("at")
    address = (
        NEW_INCIDENT if step == "add" else incident_page(incident, step, *[update.pk] * (step in {"draft", "correct"}))
    )
    report(ida, address)
    scope = {"new": "yes"} if step == "add" else {"incident": incident.pk}
    assert names(ole, **scope) == sentence


def test_names_are_shown_to_those_only_who_may_see_the_incident(ida: Client) -> None:
    maintenance = planned()
    planner = staff("per", "view_maintenance", "change_maintenance")
    report(planner, incident_page(maintenance, "update"))
    assert names(ida) == ""
    assert names(staff("eva", "view_maintenance")).startswith("per is writing an update.")


def test_report_is_refused_without_the_right_to_send_the_form(ida: Client, viewer: Client) -> None:
    incident, maintenance = make_incident(), planned()
    assert report(viewer, incident_page(incident, "update")).status_code == 403
    assert report(viewer, NEW_INCIDENT).status_code == 403
    assert report(ida, incident_page(maintenance, "details")).status_code == 403
    assert not UnsavedForm.objects.exists()


@pytest.mark.parametrize(
    "path",
    ["", "/", "/admin/", "/en/", "/admin/incidents/incident/", "/admin/incidents/incident/abcdefghijkl/update/",
     "//evil.example/admin/incidents/incident/add/", NEW_INCIDENT + "?" + "x" * 300, NEW_INCIDENT + "?\0"],
)  # fmt: skip
def test_report_of_what_is_no_form_of_the_newsroom_is_refused(ida: Client, path: str) -> None:
    assert report(ida, path).status_code == 400


@pytest.mark.parametrize("key", ["", "short", "G" * 32, "0" * 33, "\0" * 32])
def test_report_with_an_odd_key_is_refused(ida: Client, key: str) -> None:
    assert report(ida, NEW_INCIDENT, key=key).status_code == 400
    assert ida.post(reverse("admin:discard_unsaved"), {"unsaved": key}).status_code == 302


def test_text_with_nul_characters_is_kept_without_them(ida: Client) -> None:
    assert report(ida, NEW_INCIDENT, "yes", text_da="E\0t").status_code == 200
    assert UnsavedForm.objects.get().values["text_da"] == "Et"


def test_nul_characters_in_the_names_of_fields_are_left_out(ida: Client) -> None:
    assert report(ida, NEW_INCIDENT, "yes", **{"text_da": "Et", "od\0d": "To"}).status_code == 200
    assert UnsavedForm.objects.get().values == {"text_da": "Et", "odd": "To"}


def test_scheduler_forgets_text_that_was_left_for_a_week(ida: Client, clock: time_machine.Traveller) -> None:
    report(ida, NEW_INCIDENT, "yes", text_da="Et")
    clock.shift(timedelta(days=6, hours=23))
    scheduler.forget_outdated_forms()
    assert UnsavedForm.objects.exists()
    clock.shift(timedelta(hours=2))
    scheduler.forget_outdated_forms()
    assert not UnsavedForm.objects.exists()


def test_number_of_kept_forms_is_bounded_for_each_user(ida: Client, ole: Client) -> None:
    report(ole, NEW_INCIDENT, "yes", text_da="Oles")
    for number in range(60):
        report(ida, NEW_INCIDENT, "yes", key=f"{number:032x}", text_da=str(number))
    assert UnsavedForm.objects.filter(user__username="ida").count() == 50
    assert UnsavedForm.objects.filter(user__username="ole").count() == 1
    assert ida.get(NEW_INCIDENT).context["unsaved_forms"].kept[0].form.values["text_da"] == "59"


def test_deleted_incident_or_user_takes_the_text_along(ida: Client) -> None:
    incident = operations.open_incident(
        by=ANYBODY, details=operations.Details(title=Text(en="One")), statement=make_statement(), draft=True
    )
    report(ida, incident_page(incident, "details"), "yes", title_en="Two")
    operations.discard_draft(by=ANYBODY, update=incident.updates.get())
    assert not UnsavedForm.objects.exists()


def test_names_cost_the_same_queries_for_one_writer_as_for_many(ida: Client, django_assert_num_queries: Any) -> None:
    address = incident_page(make_incident(), "update")
    names(ida)
    for number in range(12):
        report(staff(f"writer{number}", *WRITER), address)
        with django_assert_num_queries(8):
            assert names(ida).count("is writing an update.") == number + 1


def test_open_form_is_seen_in_both_languages(ida: Client) -> None:
    report(ida, NEW_INCIDENT)
    eva = staff("eva", *WRITER)
    shown = eva.get(reverse("admin:writers"), headers={"Accept-Language": "da"}).content.decode()
    assert "<b>ida</b> er ved at skrive en ny hændelse." in shown
