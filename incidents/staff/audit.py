"""Write, read and verify the audit log."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import BinaryField, Model, QuerySet

from ..models import AuditEntry, Incident, Page, Subscriber, SubscriptionRequest
from .actors import Actor

Row = tuple[int, int | None, str, str | None, str, str]

# What may be stored of people. A subscriber is named by the id only; staff are named by their log-in names.
_OF_SUBSCRIBERS = {"state"}
_OF_STAFF = {"username", "is_active", "is_staff", "is_superuser", "groups", "user_permissions", "sessions_ended"}
# A field with one of these words in its name may be a secret, or the hash of one.
_SECRET_WORDS = {"password", "secret", "token", "key", "hash", "digest", "code", "codes"}
# Addresses among what a verb reports. The page's own addresses are public.
_ADDRESS_WORDS = {"address", "email", "owner"}
_EMPTY: tuple[Any, ...] = (None, "", {}, [])
# The expression of the trigger, without trusting the trigger: somebody who changed rows may have changed it, too.
_CHAIN = """
SELECT id, lag(id) OVER (ORDER BY id), previous_hash, lag(hash) OVER (ORDER BY id), hash,
       encode(sha256(convert_to((jsonb_build_array(
           id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), actor_kind, actor_name,
           "user", roles, network, operation, kind, object_id, object_name, incident_id,
           before, after, previous_hash
       ) || CASE WHEN api_token IS NULL THEN '[]' ELSE jsonb_build_array(api_token) END)::text, 'UTF8')), 'hex')
  FROM incidents_auditentry ORDER BY id
"""
_CHUNK = 2_000


class ProblemKind(StrEnum):
    CHANGED = "was changed"
    MISSING = "is missing"
    REORDERED = "does not follow the entry before it"


@dataclass(frozen=True)
class Problem:
    """A fault of the chain, at one entry or at several in a row."""

    kind: ProblemKind
    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"Entry {self.first} {self.kind}."
        return f"Entries {self.first} to {self.last} are missing."


def take_turn() -> None:
    """Wait until no other transaction that adds entries is running, and let none begin before this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('incidents.audit', 3))")  # as the trigger does


def record(
    by: Actor,
    operation: str,
    target: Model | None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry: who did what to which object, and the fields that it changed.

    Call it as the last statement of the verb's transaction: other entries wait until that transaction ends. Secrets are
    left out, and of subscribers everything but the id and the state.
    """
    old, new = _changed(_kept(target, before or {}), _kept(target, after or {}))
    incident = _incident_of(target)
    user: Any = by.user  # staff have groups
    return AuditEntry.objects.create(
        actor_kind=by.kind,
        actor_name=by.name,
        api_token=by.token.pk if by.token else None,
        user=user.pk if user else None,
        roles=list(user.groups.order_by("name").values_list("name", flat=True)) if user else [],
        network=by.network,
        operation=operation,
        kind=_kind_of(target) if target else "",
        object_id=str(target.pk) if target else "",
        object_name=_name_of(target, incident),
        incident_id=incident.pk if incident else None,
        before=old,
        after=new,
    )


def snapshot(row: Model) -> dict[str, Any]:
    """Return the fields of a row as JSON: a localized text as {language: text}, a related row as its id."""
    fields = [field for field in row._meta.concrete_fields if not isinstance(field, BinaryField)]
    return _kept(row, {field.name: field.value_from_object(row) for field in fields})


def entries_of(row: Model) -> QuerySet[AuditEntry]:
    """Return the history of a row, the newest first; of an incident with its updates and its announcements."""
    return AuditEntry.objects.filter(incident_id=row.pk) if isinstance(row, Incident) else entries_about(row)


def entries_about(row: Model) -> QuerySet[AuditEntry]:
    """Return the entries whose object is the row itself, the newest first."""
    return AuditEntry.objects.filter(kind=_kind_of(row), object_id=str(row.pk))


def lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """Return entries as lines of JSON, the oldest first. They contain all that the hashes are made from."""
    for entry in entries.order_by("pk").iterator(_CHUNK):
        yield json.dumps(_as_json(entry), ensure_ascii=False) + "\n"


def newest() -> tuple[int, str]:
    """Return the number of entries, and the hash of the newest; (0, "") without entries."""
    entry = AuditEntry.objects.first()
    return (AuditEntry.objects.filter(pk__lte=entry.pk).count(), entry.hash) if entry else (0, "")


def verify(watched: Callable[[Iterable[Row]], Iterable[Row]] = iter) -> Iterator[Problem]:
    """Recompute the chain in the database, and yield what was changed, is missing or is in another order.

    `watched` gets the rows one by one and returns them, for a progress bar. Nobody can tell from the chain alone that
    its end is missing.
    """
    for number, last, previous, last_hash, stored, computed in watched(_rows()):
        expected = (last or 0) + 1
        if number != expected:
            yield Problem(ProblemKind.MISSING, expected, number - 1)
        elif previous != (last_hash or ""):
            yield Problem(ProblemKind.REORDERED, number, number)
        if stored != computed:
            yield Problem(ProblemKind.CHANGED, number, number)


def _rows() -> Iterator[Row]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_CHAIN)
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows


def _as_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": _actor_as_json(entry),
        "network": entry.network,
        "operation": entry.operation,
        "object": {"kind": entry.kind, "id": entry.object_id, "name": entry.object_name},
        "incident": entry.incident_id,
        "before": entry.before,
        "after": entry.after,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def _actor_as_json(entry: AuditEntry) -> dict[str, Any]:
    actor = {"kind": entry.actor_kind, "name": entry.actor_name, "user": entry.user, "roles": entry.roles}
    return actor | {"token": entry.api_token} if entry.api_token else actor


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, Mapping):
            return dict(o)
        if isinstance(o, Model):
            return o.pk
        if isinstance(o, (set, frozenset)):
            return sorted(o)
        return list(o) if isinstance(o, QuerySet) else super().default(o)


def _kept(target: Model | None, values: Mapping[str, Any]) -> dict[str, Any]:
    # What may be stored, as JSON.
    kept = {name: value for name, value in values.items() if _may_be_stored(target, name)}
    return dict(json.loads(json.dumps(kept, cls=_Encoder)))


def _may_be_stored(target: Model | None, name: str) -> bool:
    if isinstance(target, Subscriber):
        return name in _OF_SUBSCRIBERS
    if isinstance(target, AbstractBaseUser):
        return name in _OF_STAFF
    refused = _SECRET_WORDS if isinstance(target, Page) else _SECRET_WORDS | _ADDRESS_WORDS
    is_about_subscriber = isinstance(target, SubscriptionRequest) or hasattr(target, "subscriber_id")
    return not is_about_subscriber and not refused & set(name.split("_"))


def _changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [
        name
        for name in {**before, **after}
        if before.get(name) != after.get(name) and not (before.get(name) in _EMPTY and after.get(name) in _EMPTY)
    ]
    return _only(before, names), _only(after, names)


def _only(values: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _kind_of(target: Model) -> str:
    # A maintenance is a row of the same table as an incident.
    model = target._meta.concrete_model or type(target)
    return str(model._meta.model_name)


def _incident_of(target: Model | None) -> Incident | None:
    # Of the incident itself, of an update, and of an announcement of one.
    if isinstance(target, Incident):
        return target
    found = getattr(getattr(target, "update", None) or target, "incident", None)
    return found if isinstance(found, Incident) else None


def _name_of(target: Model | None, incident: Incident | None) -> dict[str, str]:
    if incident is not None:
        return dict(incident.title)
    name = target.get_username() if isinstance(target, AbstractBaseUser) else getattr(target, "name", "")
    return dict(name) if isinstance(name, Mapping) else {"": str(name)} if name else {}
