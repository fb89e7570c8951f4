"""The section `alert_rules`, in the order in which alerts are compared with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.core.exceptions import ValidationError

from incidents import operations
from incidents.models import AlertRule, Component, UpdateTemplate
from incidents.operations import AlertRuleFields, keys_of
from incidents.staff.actors import Actor

from .fields import Single
from .sections import FileSection, PageFile, Row

_TEMPLATES = ("template", "final_template")


class AlertRuleSection(FileSection):
    name = "alert_rules"
    model = AlertRule
    fields = {
        "name": Single(),
        "is_active": Single(bool),
        "conditions": Single(),
        "component": Single(),
        "component_label": Single(),
        "status": Single(),
        "impact": Single(),
        "template": Single(),
        "publish": Single(bool),
        "notify": Single(bool),
        "hold": Single(int),
        "group_by": Single(),
        "resolve": Single(bool),
        "final_template": Single(),
        "quiet": Single(int),
        "minimum_open": Single(int),
    }

    def stored(self) -> list[Row]:
        keys, rows = keys_of(UpdateTemplate), AlertRule.objects.select_related("component").in_order()
        return [Row(row.key, row, self.leaves_of(row) | _references(row, keys)) for row in rows]

    def leaves_of(self, row: AlertRule) -> dict[str, Any]:
        plain = {name: shape for name, shape in self.fields.items() if name not in {"component", *_TEMPLATES}}
        return {name: value for name, shape in plain.items() for value in shape.leaves(getattr(row, name)).values()}

    def faults(self, row: Any, key: str, values: dict[str, Any]) -> Iterator[str]:
        # Components and templates may be such that are not stored yet; `check_together` has looked for them.
        told = {name: value for name, value in values.items() if name not in {"component", *_TEMPLATES}}
        yield from super().faults(row, key, told)

    def check(self, instance: AlertRule) -> None:
        instance.full_clean(exclude={"key", *_TEMPLATES}, validate_unique=False, validate_constraints=False)

    def check_together(self, document: PageFile) -> None:
        components = _known(document, "components", Component.objects.values_list("slug", flat=True))
        templates = _known(document, "templates", keys_of(UpdateTemplate).values())
        for thing in document.things.get(self.name, {}).values():
            path, leaves = self.path(thing.key), thing.leaves
            for name, kind, known in (
                ("component", "component", components),
                ("template", "template", templates),
                ("final_template", "template", templates),
            ):
                if leaves.get(name) and leaves[name] not in known:
                    document.faults.append(f"{path}.{name}: There is no {kind} “{leaves[name]}”.")

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        with _at(self.path(key)):
            operations.add_alert_rule(fields=_fields(key, values), by=by)

    def edit(self, row: AlertRule, key: str, values: dict[str, Any], by: Actor) -> None:
        with _at(self.path(key)):
            operations.edit_alert_rule(rule=row, fields=_fields(key, values), by=by)

    def remove(self, row: AlertRule, by: Actor) -> None:
        operations.remove_alert_rule(rule=row, by=by)


def _references(row: AlertRule, keys: dict[str, str]) -> dict[str, str]:
    return {
        "component": row.component.slug if row.component else "",
        "template": keys.get(str(row.template_id), ""),
        "final_template": keys.get(str(row.final_template_id), ""),
    }


def _known(document: PageFile, section: str, stored: Any) -> set[str]:
    # With --prune, what the file leaves out goes; a rule that needs it is refused then.
    return {*document.things.get(section, {}), *stored}


def _fields(key: str, values: dict[str, Any]) -> AlertRuleFields:
    found: dict[str, Any] = {"key": key, **values}
    if "component" in values:
        found["component"] = Component.objects.filter(slug=values["component"]).first()
    keys = {name: pk for pk, name in keys_of(UpdateTemplate).items()}
    for name in _TEMPLATES:
        if name in values:
            found[name] = UpdateTemplate.objects.filter(pk=keys.get(values[name])).first()
    return cast("AlertRuleFields", found)


@contextmanager
def _at(path: str) -> Iterator[None]:
    # What the verb has against a rule, with the path of its keys.
    try:
        yield
    except ValidationError as error:
        raise ValidationError(
            [f"{path}.{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
        ) from error
