"""A public page that cannot be written: staff see at once that readers do not see the change yet, and why."""

import errno
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import operations, scheduler
from incidents.models import Announcement, Incident, StaleSubject
from incidents.notifications import release
from incidents.publishing.store.public_store import PublicStore
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled, send
from tests.factories import make_component, make_group, make_incident, make_page, make_statement, make_update

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]

ADD = "/admin/incidents/incident/add/"
TYPED = {"title_da": "Mail er nede", "title_en": "Mail is down", "text_da": "Vi ser på det.", "text_en": "We look."}
SAVED_ONLY = "Saved, but readers still see the page as it was."
READ_ONLY = "The place where the page is stored is read-only."

Break = Callable[[int], None]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Break]:
    """`broken(errno)` lets nothing be written to the store or deleted from it; `broken(0)` lets it again."""
    with monkeypatch.context() as patch:

        def refuse(number: int) -> None:
            patch.undo()

            def refusing(_store: PublicStore, path: str, *_args: object) -> None:
                raise OSError(number, os.strerror(number), f"/srv/public{path}.tmp")

            if number:
                patch.setattr(PublicStore, "stage", refusing)
                patch.setattr(PublicStore, "delete", refusing)

        yield refuse


def page_of(client: Client, incident: Incident) -> str:
    return client.get(incident_address(incident)).content.decode()


def incident_address(incident: Incident, name: str = "change", *args: object) -> str:
    return reverse(f"admin:incidents_{incident.kind}_{name}", args=[incident.pk, *args])


@pytest.mark.parametrize(
    ("number", "language", "said"),
    [
        (errno.ENOSPC, "en", [SAVED_ONLY, "There is no space left where the page is stored."]),
        (errno.EROFS, "en", [SAVED_ONLY, READ_ONLY]),
        (errno.EACCES, "en", [SAVED_ONLY, "Access to the place where the page is stored is denied."]),
        (errno.EIO, "en", [SAVED_ONLY, "The place where the page is stored cannot be written to."]),
        (errno.ENOSPC, "da", ["Gemt, men læserne ser stadig siden, som den var.", "ikke mere plads"]),
        (errno.EROFS, "da", ["Gemt, men læserne ser stadig siden, som den var.", "skrivebeskyttet"]),
    ],
)
def test_publish_says_that_readers_do_not_see_it_and_why(
    publisher: Client, broken: Break, number: int, language: str, said: list[str]
) -> None:
    make_page()
    broken(number)
    publisher.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    send(publisher, ADD, notify="yes", **TYPED)
    incident = Incident.objects.get()
    page = page_of(publisher, incident)
    for sentence in said:
        assert sentence in page
    assert "Published." not in page
    assert "Udgivet." not in page


def test_store_that_is_no_folder_is_named(publisher: Client, public_store: Path) -> None:
    public_store.write_text("a file")
    send(publisher, ADD, **TYPED)
    page = page_of(publisher, Incident.objects.get())
    assert SAVED_ONLY in page
    assert "The folder where the page is stored is missing." in page


def test_no_countdown_runs_while_readers_see_nothing(publisher: Client, broken: Break) -> None:
    broken(errno.EROFS)
    send(publisher, ADD, notify="yes", **TYPED)
    incident, announcement = Incident.objects.get(), Announcement.objects.get()
    for page in (page_of(publisher, incident), publisher.get(incident_address(incident, "held")).content.decode()):
        assert "data-seconds" not in page
        assert "subscribers are notified once readers can see it." in page
        assert incident_address(incident, "undo", announcement.pk) in page
    panel = publisher.get(incident_address(incident, "panel", announcement.pk)).content.decode()
    assert "about to be notified" not in panel
    assert "Subscribers are notified once readers can see it." in panel


def test_pages_say_it_while_it_lasts_and_no_longer(publisher: Client, broken: Break) -> None:
    make_page()
    broken(errno.EROFS)
    incident = make_incident(statement=make_statement(notify=True))
    held = incident_address(incident, "held")
    alarm = f"Readers do not see the latest changes yet. {READ_ONLY}"
    for address in ("/admin/", "/admin/alarms/", incident_address(incident)):
        assert READ_ONLY in publisher.get(address).content.decode(), address
    assert "The latest change here is not on the public page yet." in publisher.get(held).content.decode()
    assert alarm in publisher.get("/admin/").content.decode()
    publishing = publisher.get("/admin/publishing/").content.decode()
    assert "could not be published" in publishing
    assert "<html" not in publishing
    broken(errno.ENOSPC)
    scheduler.repair_store()
    assert "no space left" in publisher.get("/admin/alarms/").content.decode()
    broken(0)
    scheduler.repair_store()
    for address in ("/admin/", "/admin/alarms/", "/admin/publishing/", incident_address(incident), held):
        page = publisher.get(address).content.decode()
        assert "where the page is stored" not in page, address
        assert "Readers do not see" not in page, address
        assert "not on the public page" not in page, address
    assert 'data-seconds="' in publisher.get(held).content.decode()
    assert "Everything is published." in publisher.get("/admin/publishing/").content.decode()


def edit_details(client: Client, incident: Incident) -> None:
    send(client, incident_address(incident, "details"), scope_da="Alle")


def correct(client: Client, incident: Incident) -> None:
    send(
        client,
        incident_address(incident, "correct", incident.updates.exclude(published_at=None).latest("at").pk),
        text_da="Rettet.",
    )


def post_update(client: Client, incident: Incident) -> None:
    send(client, incident_address(incident, "update"), text_da="Nyt.", text_en="News.")


def resolve(client: Client, incident: Incident) -> None:
    send(client, incident_address(incident, "update") + "?phase=resolved", text_da="Slut.", text_en="Over.")


def publish_draft(client: Client, incident: Incident) -> None:
    draft = incident.updates.get(published_at=None)
    client.post(incident_address(incident, "publish", draft.pk))


def withdraw(client: Client, incident: Incident) -> None:
    client.post(incident_address(incident, "withdraw"))


def undo(client: Client, incident: Incident) -> None:
    client.post(incident_address(incident, "undo", Announcement.objects.latest("id").pk))


STEPS = (edit_details, correct, post_update, resolve, publish_draft, withdraw, undo)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_that_publishes_says_it(
    publisher: Client, broken: Break, step: Callable[[Client, Incident], None]
) -> None:
    incident = make_incident()
    make_update(incident, notify=True)
    operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(), draft=True)
    broken(errno.EROFS)
    step(publisher, incident)
    page = page_of(publisher, incident)
    assert f"{SAVED_ONLY} {READ_ONLY}" in page
    assert 'class="success"' not in page


def test_incident_that_is_published_again_says_it(publisher: Client, broken: Break) -> None:
    incident = make_incident()
    operations.withdraw(by=ANYBODY, incident=incident)
    broken(errno.EROFS)
    publisher.post(incident_address(incident, "publish_again"))
    assert f"{SAVED_ONLY} {READ_ONLY}" in page_of(publisher, incident)


def test_maintenance_says_it(publisher: Client, broken: Break) -> None:
    broken(errno.EROFS)
    begin = timezone.now() + timedelta(days=1)
    window = {"scheduled_for": f"{begin:%Y-%m-%dT10:00}", "scheduled_until": f"{begin:%Y-%m-%dT11:00}"}
    send(publisher, "/admin/incidents/maintenance/add/", **TYPED, **window)
    assert f"{SAVED_ONLY} {READ_ONLY}" in page_of(publisher, Incident.objects.get())


@pytest.mark.parametrize("model", ["component", "componentgroup", "page"])
def test_forms_of_the_page_and_its_parts_say_it(publisher: Client, broken: Break, model: str) -> None:
    rows: dict[str, Callable[[], Model]] = {
        "component": make_component,
        "componentgroup": make_group,
        "page": make_page,
    }
    row = rows[model]()
    broken(errno.EROFS)
    address = reverse(f"admin:incidents_{model}_change", args=[row.pk])
    form = publisher.get(address).context["adminform"].form
    answer = publisher.post(address, {**filled(form), "name_da": "Andet"}, follow=True)
    assert f"{SAVED_ONLY} {READ_ONLY}" in answer.content.decode()


def test_positions_and_statuses_set_in_the_list_say_it(publisher: Client, broken: Break) -> None:
    component = make_component()
    broken(errno.EROFS)
    address = reverse("admin:incidents_component_changelist")
    chosen = {"action": "set_major_outage", "confirmed": "yes", "_selected_action": [component.pk]}
    assert f"{SAVED_ONLY} {READ_ONLY}" in publisher.post(address, chosen, follow=True).content.decode()
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": component.pk, "form-0-position": "7"}
    answer = publisher.post(address, {**rows, "_save": "Save"}, follow=True)
    assert f"{SAVED_ONLY} {READ_ONLY}" in answer.content.decode()


def test_group_that_is_deleted_says_it(publisher: Client, broken: Break) -> None:
    group = make_group()
    broken(errno.EROFS)
    address = reverse("admin:incidents_componentgroup_delete", args=[group.pk])
    assert f"{SAVED_ONLY} {READ_ONLY}" in publisher.post(address, {"post": "yes"}, follow=True).content.decode()


def test_draft_is_saved_without_a_warning(publisher: Client, broken: Break) -> None:
    broken(errno.EROFS)
    send(publisher, ADD, "draft", **TYPED)
    page = page_of(publisher, Incident.objects.get())
    assert "The draft is saved. It is not public." in page
    assert SAVED_ONLY not in page


def test_document_with_a_fault_holds_up_no_other_incident(publisher: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned = make_incident()
    stage = PublicStore.stage

    def choke(store: PublicStore, path: str, *args: object) -> object:
        if poisoned.pk in path:
            raise ValueError("poisoned")
        return stage(store, path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PublicStore, "stage", choke)
    make_update(poisoned, notify=True, text=Text(en="Worse."))
    assert "Not published because of an error: Mail is delayed (ValueError: poisoned)." in page_of(publisher, poisoned)
    send(publisher, ADD, notify="yes", **TYPED)
    other = Incident.objects.exclude(pk=poisoned.pk).get()
    page = page_of(publisher, other)
    assert "Published." in page
    assert 'data-seconds="' in page
    assert StaleSubject.objects.filter(subject=f"incident:{poisoned.pk}").exists()
    assert release.release_due(timezone.now() + timedelta(hours=1)) == 1
    assert Announcement.objects.get(expanded_at__isnull=False).update.incident_id == other.pk
