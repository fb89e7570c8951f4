"""Calls a tool for an agent. What is refused becomes sentences, never a traceback."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError as BadShape

from ..api import problems
from ..api.parsing import is_storable, texts_in
from ..models import Page
from ..staff.actors import Actor
from . import tools

logger = logging.getLogger(__name__)

# Finds out who acts, for each call: a token may be revoked while an agent is connected. Raises RequestRefused.
WhoActs = Callable[[], Actor]


@dataclass(frozen=True)
class RefusedCall:
    """A call that did nothing, and why."""

    reasons: list[str]


def offered(who: WhoActs) -> list[tools.AgentTool]:
    """Return the tools that the token allows; none if it is not valid any more."""
    try:
        return tools.offered_to(who())
    except problems.RequestRefused:
        return []


def call(tool: tools.AgentTool, given: dict[str, Any], who: WhoActs) -> dict[str, Any] | RefusedCall:
    """Run a tool in a transaction. Times without an offset are in the time zone of the page."""
    try:
        return _run(tool, given, who())
    except Exception as error:
        return RefusedCall(_reasons(error, tool.name))


def _run(tool: tools.AgentTool, given: dict[str, Any], actor: Actor) -> dict[str, Any] | RefusedCall:
    if not tool.is_allowed(actor):
        raise PermissionDenied
    if not all(map(is_storable, texts_in(given))):
        return RefusedCall([_("The text contains a character that cannot be stored.")])
    wanted = tool.takes.model_validate(given)
    with transaction.atomic(), timezone.override(Page.objects.brief().time_zone):
        return tool.run(wanted, actor)


def _reasons(error: Exception, tool_name: str) -> list[str]:
    match error:
        case problems.RequestRefused():
            reasons = list(error.reasons)
        case BadShape():
            reasons = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        case ValidationError():
            reasons = problems.reasons_of(error)
        case PermissionDenied():
            reasons = [problems.missing_right()]
        case Http404():
            reasons = [_("There is no incident or draft with this id.")]
        case _:
            logger.error("The tool %s failed", tool_name, exc_info=error)
            reasons = [_("The status page failed to do this. Nothing was changed.")]
    return reasons
