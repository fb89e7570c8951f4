"""Model fields: ids, web addresses, and localized text edited with the languages side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..markup import clean, complexity, one_line
from ..text import Text
from ..wording import language_name
from .ids import LENGTH, new_id


class IdField(models.CharField[str, str]):
    """The public primary key, the same in URLs, API and emails."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"primary_key": True, "max_length": LENGTH, "default": new_id, "editable": False, **kwargs})


def key_field() -> "models.CharField[str | None, str | None]":
    """What a row is called in files (`operations.keys`). Rows of older versions have none."""
    return models.CharField(max_length=60, null=True, blank=True, unique=True, editable=False)


class WebAddressField(models.URLField[str, str]):
    """A web address; https is assumed if staff leave out the scheme."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", args, kwargs

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"assume_scheme": "https", **kwargs})


def check_markdown(text: str) -> None:
    """Raise ValidationError if a text would take too long to render."""
    measured = complexity.measure(clean(text))
    if measured.marks > complexity.MAX_MARKS:
        raise ValidationError(
            _(
                "This text has too many lines and Markdown marks (such as * [ | and `): %(number)d of at most "
                "%(limit)d. Shorten it, or put what comes from a log or a table between two lines of ```."
            ),
            code="too_many_marks",
            params={"number": measured.marks, "limit": complexity.MAX_MARKS},
        )
    if measured.levels > complexity.MAX_LEVELS:
        raise ValidationError(
            _(
                "This text has lists or quotes inside each other, %(number)d levels deep. At most %(limit)d are "
                "possible. Put \\ before a character that does not begin a list or a quote."
            ),
            code="too_many_levels",
            params={"number": measured.levels, "limit": complexity.MAX_LEVELS},
        )


def _stored(field: models.Field[Any, Any], instance: models.Model | None) -> Any:
    # Return the stored value. What was stored before there were bounds must not prevent a change of other fields.
    if instance is None or instance._state.adding:
        return None
    return type(instance)._base_manager.filter(pk=instance.pk).values_list(field.attname, flat=True).first()


class MarkdownField(models.TextField[str, str]):
    """A text in one language whose rendering takes a bounded time."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def validate(self, value: str, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value and (self.max_length is None or len(value) <= self.max_length):
            try:
                check_markdown(value)
            except ValidationError:
                if value != _stored(self, model_instance):
                    raise


class LocalizedField(models.JSONField):
    """A `Text`: `{language: text}` in jsonb, so a new language needs no migration.

    `single_line` is for titles and names: line breaks become spaces, which also keeps
    them out of email headers. `max_length` counts characters per language.
    """

    description = _("Text in several languages")

    def __init__(self, *args: Any, single_line: bool = False, max_length: int = 20_000, **kwargs: Any) -> None:
        self.single_line = single_line
        kwargs.setdefault("default", Text)
        super().__init__(*args, **kwargs)
        self.max_length = max_length

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "single_line": self.single_line, "max_length": self.max_length}

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        loaded = super().from_db_value(value, expression, connection)
        # A key transform (title__da) selects a plain string through this field.
        return Text(loaded) if isinstance(loaded, dict) else loaded

    def to_python(self, value: Any) -> Text:
        if isinstance(value, str):
            value = json.loads(value) if value else {}
        return self._tidy(value or {})

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if isinstance(value, Mapping):
            value = dict(self._tidy(value))
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> Any:
        return dict(self.value_from_object(obj))

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        unknown = set(value) - {code for code, _name in settings.LANGUAGES}
        if unknown:
            raise ValidationError(
                _("This page has no language “%(language)s”."),
                code="unknown_language",
                params={"language": ", ".join(sorted(unknown))},
            )
        if faults := dict(self._faults(value)):
            stored = _stored(self, model_instance) or {}
            if changed := [fault for language, fault in faults.items() if value[language] != stored.get(language)]:
                raise ValidationError(changed)
        if not self.blank and not value:
            raise ValidationError(_("Write the text in at least one language."), code="required")

    def _faults(self, texts: Mapping[str, str]) -> Iterator[tuple[str, ValidationError]]:
        # Yield each language whose text is too long or too complicated, and the error that names the language.
        for language, text in texts.items():
            try:
                self._check_length(text)
                if not self.single_line:
                    check_markdown(text)
            except ValidationError as fault:
                named = {"language": language_name(language), "fault": " ".join(fault.messages)}
                yield language, ValidationError(_("In %(language)s: %(fault)s"), code=fault.code, params=named)

    def _check_length(self, text: str) -> None:
        if self.max_length and len(text) > self.max_length:
            message = ngettext(
                "At most %(limit)d character; this text has %(length)d.",
                "At most %(limit)d characters; this text has %(length)d.",
                self.max_length,
            )
            raise ValidationError(message, code="max_length", params={"limit": self.max_length, "length": len(text)})

    def _tidy(self, texts: Mapping[str, str]) -> Text:
        if self.single_line:
            return Text({language: one_line(text) for language, text in texts.items()})
        return Text({language: clean(text) for language, text in texts.items()})

    def formfield(self, **kwargs: Any) -> Any:
        return LocalizedFormField(
            required=not self.blank,
            label=kwargs.get("label", str(self.verbose_name).capitalize()),
            help_text=kwargs.get("help_text", self.help_text),
            single_line=self.single_line,
        )


class LocalizedWidget(forms.MultiWidget):
    """One box per language, labelled with the language and with its `lang` attribute."""

    template_name = "widgets/localized.html"
    explains_markup = False  # whether help on Markdown is shown below the boxes

    def __init__(self, attrs: dict[str, Any] | None = None, *, single_line: bool = False) -> None:
        box = forms.TextInput if single_line else forms.Textarea
        rows = {} if single_line else {"rows": 6}
        super().__init__(
            {code: box({"lang": code, "aria-label": name, **rows}) for code, name in settings.LANGUAGES}, attrs
        )

    def decompress(self, value: Any) -> list[str]:
        return [(value or {}).get(code, "") for code, _name in settings.LANGUAGES]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["explains_markup"] = self.explains_markup
        names = dict(settings.LANGUAGES)
        for box in context["widget"]["subwidgets"]:
            box["language"] = {"code": box["attrs"]["lang"], "name": names[box["attrs"]["lang"]]}
        return context


class LocalizedFormField(forms.MultiValueField):
    """Reads one box per language into a `Text`; the model field checks language and length."""

    def __init__(self, *, required: bool = True, single_line: bool = False, **kwargs: Any) -> None:
        boxes = [forms.CharField(required=False, strip=True) for _code in settings.LANGUAGES]
        super().__init__(
            boxes,
            require_all_fields=False,
            required=required,
            widget=LocalizedWidget(single_line=single_line),
            error_messages={"required": _("Write the text in at least one language.")},
            **kwargs,
        )

    def compress(self, data_list: list[str]) -> Text:
        return Text({code: text for (code, _name), text in zip(settings.LANGUAGES, data_list, strict=False)})
