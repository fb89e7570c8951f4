"""Staff who see masked addresses find out none by a URL: not by a filter, an order, a search or another page."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db.models import CharField, Field, JSONField, Model, TextField
from django.db.models.constants import LOOKUP_SEP
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from incidents.models import Bounce, Component, Delivery, Incident, Page, Subscriber
from tests.admin.conftest import staff
from tests.factories import make_component, make_group, make_page, make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

ADDRESS = "dansk.navn@livets.dk"
# Longer paths pass through the same models as shorter ones.
_MAX_HOPS = 4
# Text without choices that a list may be filtered or ordered by nevertheless.
_HARMLESS = {"language", "status"}
_RELATIONS = {
    "subscriber": ("", "deliveries__", "bounces__"),
    "delivery": ("", "subscriber__", "subscriber_id__", "subscriber__bounces__"),
    "bounce": ("", "subscriber__", "subscriber_id__", "subscriber__deliveries__"),
}
_CONDITIONS = [
    ("address__regex", "^dan"),
    ("address__startswith", "d"),
    ("address__contains", "navn"),
    ("address__gt", "c"),
    ("address__in", ADDRESS),
    ("address__exact", ADDRESS),
    ("address", ADDRESS),
    ("owner__startswith", "d"),
    ("canonical_address__istartswith", "d"),
    ("suspended_because__icontains", "navn"),
    ("erased_key", "0"),
    ("destination__contains", "livets"),
    ("reply__contains", "navn"),
    ("message_id__contains", "a"),
]


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


def list_of(model: str, **query: str) -> str:
    return f"{reverse(f'admin:incidents_{model}_changelist')}?{urlencode(query)}"


def make_rows() -> tuple[Subscriber, Delivery, Bounce]:
    """Return a suspended subscriber, a failed delivery and a bounce, all with the address in the server's reply."""
    subscriber = make_subscriber(ADDRESS)
    said = f"5.1.1 <{ADDRESS}>: dansk.navn is unknown"
    announcement = announced()
    announcement.deliveries.update(state="failed", reply_code=550, reply=said, destination="livets.dk")
    bounce = Bounce.objects.create(
        announcement=announcement, subscriber=subscriber, consequence="suspended", status="5.1.1", reply=said
    )
    subscriber.state, subscriber.suspended_because = Subscriber.State.SUSPENDED, said
    subscriber.save()
    return subscriber, announcement.deliveries.get(subscriber=subscriber), bounce


@pytest.mark.parametrize("model", _RELATIONS)
@pytest.mark.parametrize("role", ["viewer", "publisher"])
def test_no_address_is_found_letter_by_letter(role: str, model: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(role)
    make_rows()
    assert client.get(list_of(model)).status_code == 200
    tried = [(relation + condition, value) for relation in _RELATIONS[model] for condition, value in _CONDITIONS]
    tried += [("_to_field", "address"), ("_to_field", "reply")]
    answers = {lookup: client.get(list_of(model, **{lookup: value})).status_code for lookup, value in tried}
    assert set(answers.values()) == {400}, answers


def paths(model: type[Model], hops: int = _MAX_HOPS, via: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the lookup path and the field of each column that a condition on the model can be about."""
    for field in model._meta.get_fields(include_hidden=True):
        names = {field.name, getattr(field, "attname", field.name)}
        for name in sorted(names):
            yield LOOKUP_SEP.join([*via, name]), field
        related = field.related_model
        if hops and isinstance(related, type):
            for name in sorted(names):
                yield from paths(related, hops - 1, (*via, name))


def is_personal(field: Any) -> bool:
    """Whether a field may hold text about a subscriber: any text of our models that is not chosen from a list."""
    is_text = isinstance(field, CharField | TextField | JSONField) and not field.choices and not field.primary_key
    return is_text and field.model._meta.app_label == "incidents" and field.name not in _HARMLESS


def conditions(path: str, field: "Field[Any, Any]") -> Iterator[str]:
    yield path
    for lookup in field.get_lookups():
        yield f"{path}{LOOKUP_SEP}{lookup}"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Component, "subscribers__address"),
        (Incident, "updates__announcements__deliveries__destination"),
        (Delivery, "subscriber__canonical_address"),
        (Bounce, "subscriber_id__erased_key"),
    ],
)
def test_walk_over_all_relations_finds_the_addresses(model: type[Model], path: str) -> None:
    assert is_personal(dict(paths(model))[path])


@pytest.mark.parametrize("model", site._registry, ids=lambda model: model._meta.label_lower)
def test_no_list_takes_a_condition_on_text_about_subscribers(model: type[Model]) -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    admin, found = site.get_model_admin(model), 0
    for path, field in paths(model):
        if is_personal(field):
            found += 1
            allowed = [one for one in conditions(path, field) if admin.lookup_allowed(one, "a", request)]
            assert not allowed
    assert found or model._meta.label in {"auth.Permission", "incidents.AuditEntry"}  # without relations to subscribers


@pytest.mark.parametrize("model", site._registry, ids=lambda model: model._meta.label_lower)
def test_no_list_is_ordered_by_text_about_subscribers(viewer: Client, model: type[Model]) -> None:
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.get()
    admin = site.get_model_admin(model)
    if not admin.has_view_permission(request) or model is Page:
        return  # there is one page, and no list
    changes = admin.get_changelist_instance(request)
    given = [changes.get_ordering_field(column) for column in changes.list_display]
    orders = {getattr(order, "name", order) for order in given}
    ours = {field.name for field in model._meta.fields if not is_personal(field)}
    public = {"title", "name", "slug"} if model._meta.model_name not in _RELATIONS else set()
    assert orders - {None} <= ours | public


def rows_in(client: Client, model: str, **query: str) -> list[Any]:
    return [row.pk for row in client.get(list_of(model, **query)).context["cl"].result_list]


@pytest.mark.parametrize("model", _RELATIONS)
def test_no_order_depends_on_an_address(viewer: Client, model: str) -> None:
    make_subscriber("a@z.example")
    make_rows()
    subscribers = list(Subscriber.objects.order_by("pk"))
    Bounce.objects.create(subscriber=subscribers[0], consequence="suspended", reply="a")
    orders = [f"{sign}{column}" for column in range(6) for sign in ("", "-")]
    before = [rows_in(viewer, model, o=order) for order in orders]
    assert all(len(rows) > 1 for rows in before)
    for number, subscriber in enumerate(subscribers):
        swapped = f"{'za'[number]}@{'az'[number]}.example"
        Subscriber.objects.filter(pk=subscriber.pk).update(address=swapped, canonical_address=swapped)
        Delivery.objects.filter(subscriber=subscriber).update(destination=swapped, reply=swapped, message_id=swapped)
        Bounce.objects.filter(subscriber=subscriber).update(reply=swapped)
    assert [rows_in(viewer, model, o=order) for order in orders] == before


def test_lists_take_the_links_of_their_filters_and_of_other_pages(publisher: Client) -> None:
    make_page()
    make_component(group=make_group())
    make_rows()
    make_subscriber("eva@example.com", language="en")
    followed = 0
    for model, admin in site._registry.items():
        if model is Page:
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        page = publisher.get(address).content.decode()
        links = {html.unescape(link) for link in re.findall(r'href="(\?[^"]*)"', page)}
        links |= {f"?{lookup}={'True' if 'null' in lookup else '1'}" for lookup in getattr(admin, "linked_by", ())}
        for link in links:
            assert publisher.get(address + link).status_code == 200, address + link
        followed += len(links)
    assert followed > 50


def test_no_page_names_an_address(viewer: Client) -> None:
    make_page()
    subscriber, delivery, bounce = make_rows()
    autocomplete = "/admin/autocomplete/?app_label=incidents&field_name=subscriber&model_name="
    pages = [
        *(list_of(model, **query) for model in _RELATIONS for query in ({}, {"_facets": "True"}, {"_popup": "1"})),
        *(
            reverse(f"admin:incidents_{row._meta.model_name}_{page}", args=[row.pk])
            for row in (subscriber, delivery, bounce)
            for page in ("change", "history")
        ),
        reverse("admin:incidents_delivery_overview"),
        reverse("admin:incidents_incident_change", args=[delivery.announcement.update.incident_id]),  # type: ignore[union-attr]
        *(f"{autocomplete}{model}&term={term}" for model in ("delivery", "bounce") for term in ("", ADDRESS)),
        "/admin/",
    ]
    for address in pages:
        answer = viewer.get(address)
        assert answer.status_code == 200, address
        shown = answer.content.decode().replace(f"term={ADDRESS}", "")
        assert "dansk" not in shown, address
    seen = viewer.get(reverse("admin:incidents_delivery_change", args=[delivery.pk])).content.decode()
    assert "d…@livets.dk" in seen


def test_exact_address_can_be_looked_up_and_no_part_of_one(viewer: Client) -> None:
    make_rows()
    make_subscriber("eva@example.com")
    for model in _RELATIONS:
        assert len(rows_in(viewer, model, q=ADDRESS.upper())) == 1, model
        for part in ("dansk", "dansk.navn@", "livets.dk", "@livets.dk", ADDRESS[:-1]):
            assert rows_in(viewer, model, q=part) == [], (model, part)


@pytest.mark.parametrize("own", ["", *_RELATIONS])
def test_permission_for_one_list_opens_no_other(own: str) -> None:
    rows = make_rows()
    client = staff("ida", *([f"view_{own}"] if own else []))
    for row in rows:
        model = str(row._meta.model_name)
        expected = 200 if model == own else 403
        for address in (list_of(model), reverse(f"admin:incidents_{model}_change", args=[row.pk])):
            assert client.get(address).status_code == expected, address
        for page in ("history", "delete"):
            address = reverse(f"admin:incidents_{model}_{page}", args=[row.pk])
            assert client.get(address).status_code == (expected if page == "history" else 403), address
    autocomplete = "/admin/autocomplete/?app_label=incidents&model_name=delivery&field_name=subscriber&term="
    assert client.get(autocomplete).status_code == (200 if own == "subscriber" else 403)
