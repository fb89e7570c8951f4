"""Verbs for the newsroom's open forms: keep what is typed, and forget it once it is saved."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ..models import UnsavedForm

# Of each user: more than anybody has open, and a bound for a script that runs wild.
MAX_KEPT = 50


@dataclass(frozen=True)
class FormPlace:
    """Where a form is: the address of its page, its kind and step, and its incident if that exists."""

    path: str
    kind: str
    step: str
    incident_id: str | None = None


@transaction.atomic
def keep_form(*, by: AbstractBaseUser, key: str, place: FormPlace, values: Mapping[str, str] | None = None) -> bool:
    """Record that a form is open, and what is typed in it; None: nothing new, empty: nothing worth keeping.

    Returns False, and keeps nothing, if the form was saved or discarded before.
    """
    now = timezone.now()
    given: dict[str, Any] = {**asdict(place), "seen_at": now}
    if values is not None:
        given |= {"values": dict(values), "typed_at": now if values else None}
    form, created = UnsavedForm.objects.select_for_update().get_or_create(user_id=by.pk, key=key, defaults=given)
    if form.closed_at is not None:
        return False
    if created:
        _drop_oldest(by)
    else:
        for name, value in given.items():
            setattr(form, name, value)
        form.save()
    return True


def leave_form(*, by: AbstractBaseUser, key: str) -> None:
    """The tab was closed or left: nobody is writing there any more. What was typed is kept."""
    forms = UnsavedForm.objects.filter(user_id=by.pk, key=key)
    forms.filter(typed_at=None, closed_at=None).delete()
    forms.update(seen_at=None)


def close_form(*, by: AbstractBaseUser, key: str) -> None:
    """The form was saved or discarded: forget what was typed, also what still arrives from the browser.

    The same text in another form at the same address, such as one that it was restored from, is forgotten too.
    """
    now = timezone.now()
    own = UnsavedForm.objects.filter(user_id=by.pk)
    # Also a form that was not kept yet, because a report of it may still be on its way.
    form, created = own.get_or_create(user_id=by.pk, key=key, defaults={"closed_at": now})
    if not created:
        twins = [one.pk for one in own.with_text().filter(path=form.path) if one.content == form.content]
        own.filter(pk__in=[form.pk, *twins]).update(
            values={}, typed_at=None, seen_at=None, closed_at=now, changed_at=now
        )


def forget_outdated_forms(now: datetime) -> int:
    """Delete what was typed a week ago and never saved. Returns the number of forms."""
    return UnsavedForm.objects.outdated(now).delete()[0]


def _drop_oldest(by: AbstractBaseUser) -> None:
    own = UnsavedForm.objects.filter(user_id=by.pk)
    kept = own.order_by("-changed_at", "-id").values_list("pk", flat=True)[:MAX_KEPT]
    own.filter(~Q(pk__in=list(kept))).delete()
