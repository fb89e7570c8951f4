"""The choice of a template in the composer, and how its text gets into the form."""

import json
from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ...labels import PHASES
from ...models import UpdateTemplate
from ...status import Phase
from ...wording import words


class TemplateSelect(forms.Select):
    """Each option carries its text (`data-words`, JSON), so that a script can insert it without a request."""

    words: Mapping[str, Mapping[str, str]] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if found := self.words.get(str(value)):
            option["attrs"]["data-words"] = json.dumps(found)
        return option


class TemplateField(forms.ChoiceField):
    """The templates for the possible phases; `offered` is empty until `offer` is called."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label=_("Template"), widget=TemplateSelect, **kwargs)
        self.offered: dict[str, dict[str, str]] = {}

    def offer(self, phases: Collection[str], *, titles: bool) -> None:
        """`titles` says whether the form has a title field."""
        found = UpdateTemplate.objects.filter(phase__in=phases).in_order()
        ranked = sorted(found, key=lambda one: list(phases).index(one.phase))
        self.offered = {one.pk: words_of(one, titles=titles) for one in ranked}
        groups = [
            (PHASES[Phase(phase)], [(one.pk, words(one.name)) for one in some])
            for phase, some in groupby(ranked, key=lambda one: one.phase)
        ]
        self.choices = [("", _("None: start empty")), *groups]
        self.widget.words = self.offered

    def put_into(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The input with the text of the chosen template."""
        filled = dict(data.items())
        for name, text in self.offered.get(data.get("template", ""), {}).items():
            filled[name] = text if name == "phase" else _together(name, data.get(name, "").strip(), text)
        filled["template"] = ""
        return filled


def _together(name: str, there: str, text: str) -> str:
    # Input is never lost: the template's text is added below it; a title is only filled in if empty.
    if not there or there in text:
        return text
    return there if name.startswith("title") or text in there else f"{there}\n\n{text}"


def words_of(template: UpdateTemplate, *, titles: bool) -> dict[str, str]:
    """The form's fields that a template fills in, by their names in the form."""
    texts = {"text": template.text, **({"title": template.title} if titles else {})}
    codes = [code for code, _name in settings.LANGUAGES]
    said = {f"{field}_{code}": text[code] for field, text in texts.items() for code in codes if code in text}
    return {**said, "phase": template.phase}
