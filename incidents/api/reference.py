"""The reference page of the API, made from its OpenAPI document: no assets of others, and readable without scripts."""

from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from .application import api

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Property:
    """A parameter, or a field of an object. `place` is path, query or header."""

    name: str
    type: str
    is_required: bool
    place: str = ""


@dataclass(frozen=True)
class Operation:
    """What one method of an address does. `answers` are statuses, with the type of what they answer."""

    method: str
    address: str
    summary: str
    description: str
    parameters: list[Property]
    body: str
    answers: list[tuple[str, str]]


@dataclass(frozen=True)
class Shape:
    """An object in bodies or answers."""

    name: str
    description: str
    properties: list[Property]


@dataclass(frozen=True)
class Reference:
    """Operations by subject, and the objects that they name."""

    subjects: dict[str, list[Operation]] = field(default_factory=dict)
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
                found.subjects.setdefault(one["tags"][0], []).append(_operation(method, address, one))
    for name, schema in sorted(document["components"]["schemas"].items()):
        if properties := _properties(schema):
            found.shapes.append(Shape(name, schema.get("description", ""), properties))
    return found


def _operation(method: str, address: str, one: dict[str, Any]) -> Operation:
    parameters = [
        Property(row["name"], type_of(row["schema"]), row.get("required", False), row["in"])
        for row in one.get("parameters", [])
    ]
    body = _content(one.get("requestBody", {}))
    answers = [
        (f"{status} {HTTPStatus(int(status)).phrase}", _content(row)) for status, row in one["responses"].items()
    ]
    return Operation(method.upper(), address, one["summary"], one.get("description", ""), parameters, body, answers)


def _content(row: dict[str, Any]) -> str:
    return next((type_of(one["schema"]) for one in row.get("content", {}).values()), "")


def _properties(schema: dict[str, Any]) -> list[Property]:
    required = schema.get("required", [])
    return [
        Property(name, type_of(one), name in required and "default" not in one)
        for name, one in schema.get("properties", {}).items()
    ]


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
