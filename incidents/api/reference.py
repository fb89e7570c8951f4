"""The reference page of the API, made from its OpenAPI document: no assets of others, and readable without scripts."""

import re
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from .application import api

_METHODS = ("get", "post", "put", "patch", "delete")
# The tags of the routers, as headings.
SUBJECTS = {
    "pages": gettext_noop("Page"),
    "incidents": gettext_noop("Incidents and maintenance"),
    "postmortems": gettext_noop("Postmortems"),
    "incident templates": gettext_noop("Templates"),
    "components": gettext_noop("Components"),
    "uptime": gettext_noop("Uptime"),
    "subscribers": gettext_noop("Subscribers"),
    "component groups": gettext_noop("Groups of components"),
    "alerts": gettext_noop("Alerts from monitoring"),
}


@dataclass(frozen=True)
class Property:
    """A parameter of the query, or a field of an object."""

    name: str
    type: SafeString
    is_required: bool


@dataclass
class Operation:
    """What an address does. `methods` do the same; `answers` are the statuses of successes, with their types."""

    id: str
    methods: list[str]
    address: str
    summary: str
    description: SafeString
    parameters: list[Property]
    body: SafeString
    answers: list[tuple[str, SafeString]]


@dataclass(frozen=True)
class Shape:
    """An object in bodies or answers; `values` if it is one of some words."""

    name: str
    description: SafeString
    properties: list[Property]
    values: list[str]


@dataclass(frozen=True)
class ReferencePart:
    """Operations under one heading, which is to be translated."""

    id: str
    heading: str
    operations: dict[str, Operation] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """Operations by subject, and the objects that they name."""

    subjects: dict[str, ReferencePart] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    return render(request, "api/reference.html", {"reference": described()})


def urls() -> list[Any]:
    return [path("api-reference/", reference, name="api_reference")]


@cache
def described() -> Reference:
    """Return what the OpenAPI document says. It is the same for everybody, and made once."""
    document = api.get_openapi_schema()
    found = Reference()
    for address, methods in document["paths"].items():
        for method in _METHODS:
            if one := methods.get(method):
                _add(found, method.upper(), address, one)
    for name, schema in sorted(document["components"]["schemas"].items()):
        properties, values = _properties(schema), schema.get("enum", [])
        if properties or values:
            found.shapes.append(Shape(name, coded(schema.get("description", "")), properties, values))
    return found


def _add(found: Reference, method: str, address: str, one: dict[str, Any]) -> None:
    # PATCH and PUT of one address do the same.
    tag, summary = one["tags"][0], one["summary"]
    subject = found.subjects.setdefault(tag, ReferencePart(slugify(tag), SUBJECTS[tag]))
    if summary in subject.operations:
        subject.operations[summary].methods.append(method)
    else:
        subject.operations[summary] = _operation(f"{subject.id}-{slugify(summary)}", method, address, one)


def _operation(id_: str, method: str, address: str, one: dict[str, Any]) -> Operation:
    parameters = [
        Property(row["name"], linked(type_of(row["schema"])), row.get("required", False))
        for row in one.get("parameters", [])
        if row["in"] != "path"  # the address has it
    ]
    answers = [
        (f"{status} {HTTPStatus(int(status)).phrase}", _content(row))
        for status, row in one["responses"].items()
        if int(status) < HTTPStatus.BAD_REQUEST
    ]
    body, description = _content(one.get("requestBody", {})), coded(one.get("description", ""))
    return Operation(id_, [method], address, one["summary"], description, parameters, body, answers)


def _content(row: dict[str, Any]) -> SafeString:
    return linked(next((type_of(one["schema"]) for one in row.get("content", {}).values()), ""))


def _properties(schema: dict[str, Any]) -> list[Property]:
    # Answers have all of their fields, so that none is marked.
    required = schema.get("required", []) if schema.get("additionalProperties") is not False else []
    return [
        Property(name, linked(type_of(one)), name in required and "default" not in one)
        for name, one in schema.get("properties", {}).items()
    ]


def linked(words: str) -> SafeString:
    """Return the words of a type with links to the objects that they name: these alone begin with a capital."""
    return _marked(r"\b([A-Z]\w+)", '<a href="#{0}">{0}</a>', words)


def coded(text: str) -> SafeString:
    """Return a text in which words between grave accents are code."""
    return _marked(r"`([^`]+)`", "<code>{}</code>", text)


def _marked(pattern: str, markup: str, text: str) -> SafeString:
    # Every second part is what the pattern's group found.
    parts = enumerate(re.split(pattern, text))
    return format_html_join("", "{}", ((format_html(markup, part) if number % 2 else part,) for number, part in parts))


def type_of(schema: dict[str, Any]) -> str:
    """Return a JSON schema in words: `list of Incident`, `text or null`, `one of: minor, major`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if many := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(type_of(one) for one in many))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return "one of: " + ", ".join(str(value) for value in values)
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(of := schema.get("additionalProperties"), dict):
        return f"object of {type_of(of)} by key"
    name = {"string": "text", "boolean": "true or false", "integer": "number"}.get(str(schema.get("type")))
    return (
        {"date-time": "time", "date": "day"}.get(schema.get("format", ""))
        or name
        or str(schema.get("type", "anything"))
    )
