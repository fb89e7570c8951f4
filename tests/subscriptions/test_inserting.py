"""Rows that are inserted at once are the same as rows that the ORM saves one by one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, models
from django.utils import timezone

from incidents.models import ConsentRecord, Subscriber
from incidents.subscriptions import consents
from incidents.subscriptions.inserting import insert
from tests.factories import make_component, make_subscriber

pytestmark = pytest.mark.django_db

ODD = "\"“quoted”\" \\ {a,b} NULL null\n\ttab 'single' 😀 %s 100% \u2028"


def subscriber(address: str, **fields: Any) -> Subscriber:
    active = {"language": "da", "state": "active", "confirmed_at": datetime(2023, 10, 9, 21, tzinfo=UTC)}
    return Subscriber.new(address, **{**active, **fields})


def values(row: models.Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.attname != "id"}


def test_every_value_is_stored_as_it_is() -> None:
    one = subscriber(
        "anna@example.dk", consent_source=ODD, wants_maintenance=False, requested_at=timezone.now(), time_zone="UTC"
    )
    two = subscriber("bo@example.dk", consent_method="import", requested_at=None, opt_in_round=3)
    assert set(insert([one, two])) == {one.pk, two.pk}
    for row in (one, two):
        assert values(Subscriber.objects.get(pk=row.pk)) == values(row)
        assert row.created_at <= row.updated_at <= timezone.now()


def test_lists_and_automatic_keys_are_stored() -> None:
    anna, web = make_subscriber("anna@example.dk"), make_component("web")
    rows = [consents.of_import(anna, [web]), consents.of_import(anna, [])]
    rows[1].incidents = [ODD[:12], "b,c"]
    keys = insert(rows)
    stored = list(ConsentRecord.objects.order_by("pk"))
    assert keys == [row.pk for row in stored]
    assert [values(row) for row in stored] == [values(row) for row in rows]


def test_row_that_a_unique_constraint_refuses_is_left_out_on_request() -> None:
    make_subscriber("anna@example.dk")
    new = subscriber("bo@example.dk")
    assert insert([subscriber("Anna@example.dk"), new], skip_existing=True) == [new.pk]
    with pytest.raises(IntegrityError):
        insert([subscriber("anna@Example.dk")])


def test_nothing_is_inserted_without_rows() -> None:
    assert insert([]) == []
