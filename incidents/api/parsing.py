"""Reads bodies: JSON, or a form whose names are written as `incident[components][ID]`, also in the query."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja.parser import Parser

from .problems import RequestRefused

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_KEYS = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEEPEST = 6
_MOST_LEVELS = 20


def take_form_from_query(request: HttpRequest) -> None:
    """Make a form that a client sent in the query, without a body, the body. Raises RequestRefused."""
    form = MultiValueDict({name: values for name, values in request.GET.lists() if "[" in name})
    if form and not request.body:
        request._body = json.dumps(nested(form)).encode()
        request.content_type = "application/json"


class BodyParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body as nested dictionaries and lists. Raises RequestRefused."""
        content = request.body  # before the form is parsed, which would leave nothing of it
        if request.content_type in _FORMS:
            return nested(QueryDict(content) if request.content_type == _FORMS[0] else request.POST)
        try:
            found = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, _("The body is not JSON.")) from error
        if levels_of(found) > _MOST_LEVELS:
            sentence = _("The body has more than %d objects or lists inside each other.") % _MOST_LEVELS
            raise RequestRefused(HTTPStatus.BAD_REQUEST, sentence)
        if not all(map(is_storable, texts_in(found))):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, _("The body contains a character that cannot be stored."))
        return found


def _refuse_constant(name: str) -> None:
    # Python reads NaN and Infinity, which are not JSON.
    raise ValueError(name)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store a text: not U+0000, nor half of a pair of surrogates."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def levels_of(value: Any) -> int:
    """Return how many objects and lists are inside each other, level by level: recursion would fail at some depth."""
    levels, row = 0, [value]
    while row := [one for one in row if isinstance(one, (dict, list))]:
        levels += 1
        row = [child for one in row for child in (one.values() if isinstance(one, dict) else one)]
    return levels


def texts_in(value: Any) -> Iterator[str]:
    """Return all texts in what JSON describes, keys too."""
    rest = [value]
    while rest:
        match rest.pop():
            case str() as text:
                yield text
            case list() as values:
                rest += values
            case dict() as values:
                rest += [*values, *values.values()]


def nested(form: "MultiValueDict[str, str]") -> dict[str, Any]:
    """Return `{"incident": {"name": …, "ids": […]}}` from the names `incident[name]` and `incident[ids][]`."""
    found: dict[str, Any] = {}
    for name, values in form.lists():
        match = _KEYS.fullmatch(name)
        keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else []
        if not keys or len(keys) > _DEEPEST or not all(map(is_storable, (name, *values))):
            raise _not_understood(name)
        is_list = keys[-1] == ""
        _put(found, keys[:-1] if is_list else keys, values if is_list else values[-1], name)
    return found


def _put(found: dict[str, Any], keys: list[str], value: Any, name: str) -> None:
    for key in keys[:-1]:
        found = found.setdefault(key, {})
        if not isinstance(found, dict):
            raise _not_understood(name)
    found[keys[-1]] = value


def _not_understood(name: str) -> RequestRefused:
    sentence = _("The form has a field that is not understood: {name}").format(name=name[:80])
    return RequestRefused(HTTPStatus.BAD_REQUEST, sentence)
