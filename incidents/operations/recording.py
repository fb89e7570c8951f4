"""What makes a function a verb of staff: one transaction, in which what it did is recorded in the audit log."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import transaction
from django.db.models import Model

from ..models import Component, Incident, Page, Update
from ..staff import audit

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Fields that say nothing about what was done.
_BOOKKEEPING = {"id", "author", "incident", "update", "report", "created_at", "updated_at", "revised_at"}

# Whether a verb is running, so that the verbs that it consists of are no entries of their own.
_is_running: ContextVar[bool] = ContextVar("is_running", default=False)


def verb(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run in a transaction, and record who changed what, from which words to which.

    The object is the row among the arguments, or the one returned. Nothing is recorded if nothing was done: the verb
    returned False or 0, or the row is as it was. Verbs take turns: the audit log is a chain, and a verb that waited
    for its turn at the end would hold rows that the one before needs.
    """
    return _verb(function, waits_first=True)


def verb_of_deliveries(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Like `verb`, for one that changes only deliveries, perhaps 100,000: it waits for its turn at the end.

    No verb waits for the deliveries that this one holds, because `transition` leaves out locked rows. What is stopped
    or withdrawn at the same time is skipped when a worker claims it, or by the scheduler.
    """
    return _verb(function, waits_first=False)


def verb_of_page(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Like `verb`, for one that changes the page: there is one, so that it is not among the arguments."""
    return _verb(function, waits_first=True, target_of=lambda _given: Page.objects.first())


def _argument(given: Mapping[str, Any]) -> Model | None:
    return next((value for value in given.values() if isinstance(value, Model)), None)


def _verb(
    function: Callable[_P, _R],
    *,
    waits_first: bool,
    target_of: Callable[[Mapping[str, Any]], Model | None] = _argument,
) -> Callable[_P, _R]:
    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with transaction.atomic():
            if _is_running.get():
                return function(*args, **kwargs)
            token = _is_running.set(True)
            try:
                if waits_first:
                    audit.take_turn()
                return _recorded(function, kwargs, target_of(kwargs))
            finally:
                _is_running.reset(token)

    return run


def _recorded(function: Callable[..., _R], given: Mapping[str, Any], target: Model | None) -> _R:
    before = _state(_stored(target))
    result = function(**given)
    changed = result if isinstance(result, Model) else target
    stored = _stored(changed)
    after = _state(stored) if changed == target else {**_state(_stored(target)), **_state(stored)}
    if isinstance(stored, Incident) and not before:  # a new one, with the words of its first update
        after |= _state(stored.updates.first())
    if before != after if not isinstance(result, (bool, int)) else result:
        subject = changed if stored else target  # what was deleted is known by its former row
        audit.record(given["by"], function.__name__, subject, before=before, after=after)
    return result


def _state(stored: Model | None) -> dict[str, Any]:
    # What a row contains, with what belongs to it; empty if it is not stored.
    if stored is None:
        return {}
    state = {name: value for name, value in audit.snapshot(stored).items() if name not in _BOOKKEEPING}
    if isinstance(stored, Update):
        named = stored.affected.order_by("component__slug").values_list("component__slug", "status")
        return {**state, "components": dict(named)}
    if isinstance(stored, Component):
        by_hand = stored.manual_statuses.order_by("-at", "-pk").first()
        return {**state, "set_by_hand": by_hand.status if by_hand else ""}
    return state


def _stored(row: Model | None) -> Model | None:
    # A row as it is stored now. The key of a deleted one may be gone. `request.user` is a lazy object, whose type has
    # no manager; its class has.
    if row is None or row.pk is None:
        return None
    return row.__class__._base_manager.filter(pk=row.pk).first()
