"""Rows that are inserted at once are the same as rows that the ORM saves one by one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, models
from django.utils import timezone

from incidents.models import ConsentRecord, Subscriber
from incidents.models.ids import new_id
from incidents.subscriptions.inserting import insert
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db

ODD = "\"“quoted”\" \\ {a,b} NULL null\n\ttab 'single' 😀 %s 100% \u2028"
ACTIVE = {"state": "active", "confirmed_at": datetime(2023, 10, 9, 21, tzinfo=UTC)}


def subscriber(address: str, **fields: Any) -> dict[str, Any]:
    return Subscriber.values(address, id=new_id(), language="da", **fields)


def values(row: models.Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_every_value_is_stored_as_it_is() -> None:
    choices = {"consent_source": ODD, "wants_maintenance": False, "requested_at": timezone.now(), "time_zone": "UTC"}
    others = {"consent_source": "", "wants_maintenance": True, "requested_at": None, "time_zone": ""}
    rows = [subscriber("anna@example.dk", **choices), subscriber("bo@example.dk", **others)]
    given = {**ACTIVE, "consent_method": "import", "opt_in_round": 3, "consent_text": ODD[:20]}
    assert insert(Subscriber, rows, given) == [row["id"] for row in rows]
    for row in rows:
        stored = Subscriber.objects.get(pk=row["id"])
        automatic = {"created_at": stored.created_at, "updated_at": stored.updated_at}
        assert values(stored) == values(Subscriber(**row, **given, **automatic))
        assert stored.created_at <= stored.updated_at <= timezone.now()


def test_lists_and_automatic_keys_are_stored() -> None:
    anna = make_subscriber("anna@example.dk")
    same = {"subscriber_id": anna.pk, "step": "confirmed", "opt_in_round": 1, "method": "import", "language": "da"}
    rows = [
        {"components": ["web"], "wants_incidents": True, "wants_maintenance": False},
        {"components": [ODD[:40], "b,c"], "wants_incidents": False, "wants_maintenance": True},
    ]
    keys = insert(ConsentRecord, rows, same)
    stored = list(ConsentRecord.objects.order_by("pk"))
    assert keys == [row.pk for row in stored]
    assert [values(row) for row in stored] == [
        values(ConsentRecord(pk=key, at=stored[0].at, **same, **row)) for key, row in zip(keys, rows, strict=True)
    ]


def test_row_that_a_unique_constraint_refuses_is_left_out_on_request() -> None:
    make_subscriber("anna@example.dk")
    new = subscriber("bo@example.dk")
    assert insert(Subscriber, [subscriber("Anna@example.dk"), new], ACTIVE, skip_existing=True) == [new["id"]]
    with pytest.raises(IntegrityError):
        insert(Subscriber, [subscriber("anna@Example.dk")], ACTIVE)


def test_nothing_is_inserted_without_rows() -> None:
    assert insert(Subscriber, []) == []
