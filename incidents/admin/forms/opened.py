"""Forms that notice what somebody else changed since they were opened, and that keep the texts of both."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ...formats import moment
from ...markup import clean
from ...merging import MergedValue, Snapshot, merge
from ...operations.snapshots import NEWEST
from ...wording import language_name
from ..last_changes import LastChange
from .boxes import boxes_of, is_status, label_of, worded
from .fields import MomentField

# Hidden: what the form was opened on, and what is shown above it after a collision.
OPENED, CHANGED = "opened", "changed"
# The button beside a value: `theirs text_da` or `mine text_da`.
TAKE = "take"


@dataclass(frozen=True)
class OthersChanges:
    """What somebody else changed: the values that differ, and the newest update that the form was opened on."""

    change: LastChange = field(default_factory=LastChange)
    values: list[MergedValue] = field(default_factory=list)
    since: str | None = None


@dataclass(frozen=True)
class ValueVersion:
    """One of the versions of a value, as staff see it."""

    label: str
    text: str
    take: str = ""
    is_in_form: bool = False


@dataclass(frozen=True)
class ShownValue:
    label: str
    language: str
    collides: bool
    versions: list[ValueVersion]


class CarriedField(forms.Field):
    """Travels with the form; no input of its writer."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class OpenedForm(forms.BaseForm):
    """A form that carries what it was opened on. Nothing is stored before its writer has seen what others changed."""

    current: Snapshot | None = None
    is_outdated = False  # whether something was saved since it was opened, perhaps by its own first press
    is_overtaken = False  # whether somebody else's changes are shown for the first time
    ignored: Collection[str] = ()

    def open_on(
        self, current: Snapshot, last_change: Callable[[], LastChange] = LastChange, ignored: Collection[str] = ()
    ) -> None:
        """`ignored` are facts that may change without being shown."""
        self.current, self.last_change, self.ignored = current, last_change, ignored
        self.is_outdated = bool(self.opened) and dict(self.opened) != dict(current)
        for name, initial in ((OPENED, dump_snapshot(current)), (CHANGED, "")):
            self.fields[name] = CarriedField(required=False, initial=initial, widget=forms.HiddenInput)

    @property
    def opened(self) -> Snapshot:
        """What the form was opened on; empty if it does not say so in a form that can be read."""
        return parse_snapshot(self.data.get(OPENED, ""))

    def is_ready(self) -> bool:
        """Whether the input can be stored; otherwise it is shown again, with what others changed."""
        if not self.is_bound:
            return False
        if take := self.data.get(TAKE):
            self._choose(take)
            return False
        return self.current is None or not self.follow(self.current)

    def by_box(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot with a value for each box of the form."""
        return snapshot

    def follow(self, theirs: Snapshot) -> bool:
        """Merge what others changed into the input, which is opened on it from now on. Whether there is any to show."""
        opened = self.opened
        current = {**theirs, **{key: opened[key] for key in self.ignored if key in opened}}
        if dict(opened) == current:
            return False
        opened, theirs = self.by_box(opened), self.by_box(current)
        boxes = {key: self._box(key, theirs.get(key, "")) for key, *_field in self._keys()}
        before = {key: self._box(key, opened.get(key, "")) if opened else None for key in boxes}
        values = merge(before, {key: self._typed(key, _first(before[key], boxes[key])) for key in boxes}, boxes)
        is_news = bool(values) or (bool(opened) and theirs.get(NEWEST) != opened.get(NEWEST))
        self._put({OPENED: dump_snapshot(current), **{one.key: one.merged for one in values}})
        if is_news:
            kept = [one for one in self.changes.values if one.key not in {new.key for new in values}]
            self._remember(OthersChanges(self.last_change(), [*values, *kept], opened.get(NEWEST)))
            self._show_again([one.key for one in values if one.collides])
            self.is_overtaken = True
        return is_news

    @property
    def changes(self) -> OthersChanges:
        """What others changed, as the form carries it; empty if there was no collision."""
        found = _loaded(self.data.get(CHANGED, ""))
        try:
            values = [MergedValue(**one) for one in found["values"]]
            return OthersChanges(LastChange(**found["change"]), values, found["since"])
        except (KeyError, TypeError):
            return OthersChanges()

    @property
    def changed_values(self) -> list[ShownValue]:
        """The values that others changed, for the panel above the form."""
        labels = {key: (box, code) for key, box, code in self._keys()}
        return [self._shown(one, *labels[one.key]) for one in self.changes.values if one.key in labels]

    @property
    def changed_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.changes.change.at)
        except ValueError:
            return None

    def _keys(self) -> Iterator[tuple[str, forms.Field, str]]:
        # The name of each box, its field and its language.
        known = self.by_box(self.current or {})
        return ((key, box, code) for key, box, code in boxes_of(self.fields) if key in known or is_status(key))

    def _box(self, key: str, value: str) -> str:
        # A stored value as the browser sends it.
        box = self.fields.get(key)
        parse = {MomentField: datetime.fromisoformat, forms.DateField: date.fromisoformat}.get(type(box))
        if box is None or parse is None or not value:
            return value
        try:
            return str(box.widget.format_value(box.prepare_value(parse(value))) or "")
        except ValueError:  # not one of ours
            return ""

    def _typed(self, key: str, untouched: str) -> str:
        # A box that the form did not have is untouched; an empty tick is not sent, and a file not among the texts.
        if isinstance(self.fields.get(key), forms.FileField):
            return str(getattr(self.files[key], "name", "")) if key in self.files else untouched
        if isinstance(self.fields.get(key), forms.BooleanField):
            return "on" if self.data.get(key) else ""
        return clean(str(self.data[key])).strip() if key in self.data else untouched

    def _choose(self, choice: str) -> None:
        # Put one of the versions into its box. What was in there remains in the panel as mine.
        side, _space, key = choice.partition(" ")
        values = []
        for one in self.changes.values:
            typed = self._typed(one.key, one.mine)
            mine = one.mine if typed == one.theirs else typed
            if one.key == key:
                self._put({key: one.theirs if side == "theirs" else mine})
            values.append(replace(one, mine=mine))
        self._remember(replace(self.changes, values=values))
        self._show_again([])

    def _put(self, boxes: Mapping[str, str]) -> None:
        given: Any = self.data
        data = given.copy()
        for key, value in boxes.items():
            if not value and isinstance(self.fields.get(key), forms.BooleanField):
                data.pop(key, None)
            else:
                data[key] = value
        self.data = data

    def _remember(self, changes: OthersChanges) -> None:
        self._put({CHANGED: json.dumps(asdict(changes), ensure_ascii=False)})

    def _show_again(self, colliding: Iterable[str]) -> None:
        # Without validation: that comes when it is stored.
        self._errors, self.cleaned_data = ErrorDict(), {}
        codes = {key: (name, code) for key, name, code in self._names()}
        for key in colliding:
            name, code = codes[key]
            said = _("Somebody else changed this too. Your version is kept here; theirs is shown at the top.")
            if isinstance(self.fields[name], forms.FileField):
                said = _("Somebody else changed this too. To replace theirs, choose your file again.")
            self.add_error(name, f"{language_name(code).capitalize()}: {said}" if code else said)

    def _names(self) -> Iterator[tuple[str, str, str]]:
        return ((key, key.removesuffix(f"_{code}") if code else key, code) for key, _box, code in self._keys())

    def _shown(self, one: MergedValue, box: forms.Field, code: str) -> ShownValue:
        now = self._typed(one.key, one.mine)
        by, at = self.changes.change.by, self.changed_at
        who = _("Theirs (%(who)s)") % {"who": by} if by else pgettext("version of a text", "Theirs")
        before = _("not known") if one.opened is None else worded(box, one.opened)
        versions = [
            ValueVersion(pgettext("a change", "Before"), before),
            ValueVersion(f"{who}, {moment(at)}" if at else who, worded(box, one.theirs), f"theirs {one.key}",
                         now == one.theirs),
            ValueVersion(pgettext("version of a text", "Yours"), worded(box, one.mine), f"mine {one.key}",
                         now == one.mine),
        ]  # fmt: skip
        if isinstance(box, forms.FileField):  # a page cannot put a file into a form
            versions = [replace(version, take="") for version in versions]
        return ShownValue(label_of(box, code), code, one.collides, versions)


def dump_snapshot(snapshot: Snapshot) -> str:
    return json.dumps(dict(snapshot), ensure_ascii=False)


def parse_snapshot(text: str) -> Snapshot:
    """Return what a form says it was opened on; empty if that cannot be read."""
    found = _loaded(text)
    known = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if known else {}


def _first(*values: str | None) -> str:
    return next((value for value in values if value is not None), "")


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
