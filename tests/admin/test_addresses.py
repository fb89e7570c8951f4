"""Addresses that lead nowhere."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from tests.factories import make_incident

pytestmark = pytest.mark.django_db
MODELS = "incident maintenance component componentgroup page subscriber announcement delivery".split()
STEPS = ["change", "history", "update", "details", "withdraw"]


@pytest.mark.parametrize("nonsense", ["%00", "abc%00", "..%2f..", "%ff", "UPPERCASEIDS", "a" * 5000])
def test_nonsense_instead_of_an_incident_is_not_found(publisher: Client, nonsense: str) -> None:
    incident = make_incident()
    for step in STEPS:
        answer = publisher.get(f"/admin/incidents/incident/{nonsense}/{step}/", follow=True)
        assert answer.status_code == 404 or answer.request["PATH_INFO"] == "/admin/", step
    for step in ("", "publish/", "discard/", "correct/"):
        address = f"/admin/incidents/incident/{incident.pk}/updates/{nonsense}/{step}"
        assert publisher.get(address, follow=True).status_code == 404, step


@pytest.mark.parametrize("model", MODELS)
def test_address_that_the_database_cannot_hold_is_not_found(publisher: Client, model: str) -> None:
    for address in ("%00/change/", "?q=%00", "?status__exact=%00", "?id__exact=%00"):
        assert publisher.get(f"/admin/incidents/{model}/{address}").status_code == 404, address


def test_audience_of_nonsense_is_not_found(publisher: Client) -> None:
    for query in ("incident=%00", "component=%00", "incident=%00&component=%00"):
        assert publisher.get(f"/admin/incidents/incident/audience/?{query}").status_code == 404, query
    assert publisher.get("/admin/incidents/incident/audience/?incident=&component=x").status_code == 200


@pytest.mark.parametrize("key", ["1", "x", "9" * 30])
def test_address_of_any_object_of_any_kind_is_not_found(publisher: Client, key: str) -> None:
    addresses = [f"/admin/r/{kind}/{key}/" for kind in ContentType.objects.values_list("pk", flat=True)]
    assert [one for one in addresses if publisher.get(one).status_code != 404] == []
