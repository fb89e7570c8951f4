"""Entries of the audit log about accounts and groups, which are saved by Django's forms."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest

from ..staff import audit
from .shared import actor


def record_saved(request: HttpRequest, form: Any, *, is_new: bool, ended: int = 0) -> None:
    """Record what a form has changed of an account or a group, and how many sessions that ended."""
    if is_new or form.changed_data:
        operation = f"{'add' if is_new else 'edit'}_{_kind(form.instance)}"
        before = {} if is_new else _words(form.initial)
        after = {**_words(form.cleaned_data), **_number(ended)}
        audit.record(actor(request), operation, form.instance, before=before, after=after)


def record_removed(request: HttpRequest, row: User | Group, *, ended: int = 0) -> None:
    """Record that an account or a group is deleted, and how many sessions that ended; call it before."""
    audit.record(actor(request), f"remove_{_kind(row)}", row, after=_number(ended))


def _number(ended: int) -> dict[str, int]:
    return {"sessions_ended": ended} if ended else {}


def _kind(row: User | Group) -> str:
    return "account" if isinstance(row, User) else "account_group"


def _words(values: Mapping[str, Any]) -> dict[str, Any]:
    # Groups and rights by their names, in an order that does not depend on the form.
    return {name: _names(value) if hasattr(value, "__iter__") and not isinstance(value, str) else value
            for name, value in values.items()}  # fmt: skip


def _names(rows: Any) -> list[str]:
    return sorted(row.codename if isinstance(row, Permission) else str(row) for row in rows)
