"""What the sections of the file have in common: reading tables, the rows of the database, and storing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import validate_slug
from django.db.models import Model

from incidents.staff.actors import Actor

from .fields import Field, Leaves

MAX_KEY = 60


@dataclass(frozen=True)
class Thing:
    """A table of the file. `was` is the key of the row that it renames."""

    key: str
    leaves: Leaves
    was: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the database as the file would have it. `is_gone` if --prune leaves it as it is."""

    key: str
    row: Any
    leaves: Leaves
    is_gone: bool = False


@dataclass
class PageFile:
    """A file that was read: the things of each section that it has, by key and in order."""

    things: dict[str, dict[str, Thing]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class FileSection:
    """A kind of thing in the file; each thing is a table below the name of the section, with a key of its own."""

    name: ClassVar[str]
    model: ClassVar[type[Model]]
    fields: ClassVar[Mapping[str, Field]]
    has_position = True
    # What --prune does with rows that the file does not have.
    removal = "deleted"

    def tables(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the tables of the things by their keys."""
        return raw

    def stored(self) -> list[Row]:
        """Return the rows of the database in their order."""
        raise NotImplementedError

    def bucket(self, leaves: Leaves) -> str:
        """Return what things have in common whose order matters."""
        return ""

    def check(self, instance: Any) -> None:
        """Raise ValidationError by field."""
        instance.full_clean(validate_unique=False, validate_constraints=False)

    def check_together(self, document: PageFile) -> None:
        """Add the faults that concern several things."""

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        raise NotImplementedError

    def edit(self, row: Any, key: str, values: dict[str, Any], by: Actor) -> None:
        """Change the given fields of a row. The key differs from the former one if the row is renamed."""
        raise NotImplementedError

    def remove(self, row: Any, by: Actor) -> None:
        raise NotImplementedError

    def path(self, key: str) -> str:
        return f"{self.name}.{key}" if key else self.name

    def read(self, raw: Any, document: PageFile) -> None:
        """Add the things of the section to the document, and its faults."""
        if not isinstance(raw, dict):
            document.faults.append(f"{self.name}: Write a table.")
            return
        found = document.things.setdefault(self.name, {})
        for key, table in self.tables(raw).items():
            found[key] = self._read_thing(key, table, document.faults)
        self._check_former_keys(found, document.faults)

    def _read_thing(self, key: str, table: Any, faults: list[str]) -> Thing:
        path = self.path(key)
        if key and (fault := _key_fault(key)):
            faults.append(f"{path}: {fault}")
        if not isinstance(table, dict):
            faults.append(f"{path}: Write a table.")
            return Thing(key, {})
        known = [*self.fields, *(["was"] if key else [])]
        faults += [
            f"{path}.{name}: There is no such key. There are: {', '.join(known)}."
            for name in table
            if name not in known
        ]
        leaves: Leaves = {}
        for name, shape in self.fields.items():
            if name in table:
                read = shape.read(table[name], _report_at(f"{path}.{name}", faults))
                leaves |= {_joined(name, below): value for below, value in read.items()}
        was = table.get("was", "") if key else ""
        if not isinstance(was, str):
            faults.append(f"{path}.was: Write the former key in quotation marks.")
        return Thing(key, leaves, str(was))

    def _check_former_keys(self, things: Mapping[str, Thing], faults: list[str]) -> None:
        former: dict[str, str] = {}
        for thing in filter(lambda thing: thing.was, things.values()):
            if thing.was in things:
                faults.append(f"{self.path(thing.key)}.was: “{thing.was}” is also in this file.")
            elif thing.was in former:
                faults.append(f"{self.path(thing.key)}.was: “{former[thing.was]}” was “{thing.was}”, too.")
            former[thing.was] = thing.key

    def leaves_of(self, row: Any) -> Leaves:
        """Return the leaves of a row. Sections replace what rows store in another form."""
        return {
            _joined(name, below): value
            for name, shape in self.fields.items()
            for below, value in shape.leaves(getattr(row, name)).items()
        }

    def values(self, leaves: Leaves, changed: Iterator[str] | None = None) -> dict[str, Any]:
        """Return fields of the model, those of which a leaf changed."""
        names = {leaf.split(".")[0] for leaf in (leaves if changed is None else changed)}
        found = {name: shape.value(_below(name, leaves)) for name, shape in self.fields.items() if name in names}
        return found | ({"position": leaves["position"]} if "position" in names else {})

    def faults(self, row: Any, key: str, values: dict[str, Any]) -> Iterator[str]:
        """Yield what the model has against new values."""
        instance = self.model._base_manager.get(pk=row.pk) if row else self.model()
        for name, value in values.items():
            setattr(instance, name, value)
        try:
            self.check(instance)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                at = self.path(key) if name == NON_FIELD_ERRORS else f"{self.path(key)}.{name}"
                yield from (f"{at}: {message}" for message in messages)


def _report_at(path: str, faults: list[str]) -> Any:
    return lambda below, fault: faults.append(f"{_joined(path, below)}: {fault}")


def _joined(name: str, below: str) -> str:
    return f"{name}.{below}" if below else name


def _below(name: str, leaves: Leaves) -> Leaves:
    return {leaf[len(name) + 1 :]: value for leaf, value in leaves.items() if leaf.split(".")[0] == name}


def _key_fault(key: str) -> str:
    try:
        validate_slug(key)
    except ValidationError:
        return "A key consists of letters a to z, digits, hyphens and underscores."
    return f"A key has at most {MAX_KEY} characters." if len(key) > MAX_KEY else ""
