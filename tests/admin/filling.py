"""Fills in the newsroom's forms as a browser does: the values in the page, with those that somebody types."""

from typing import Any

from django import forms
from django.conf import settings
from django.test import Client

from incidents.models.fields import LocalizedWidget


def filled(form: forms.BaseForm) -> dict[str, str]:
    """What a browser would send if nothing was touched."""
    data: dict[str, str] = {}
    for box in form:
        widget, value = box.field.widget, box.value()
        if isinstance(widget, LocalizedWidget):
            codes = [code for code, _name in settings.LANGUAGES]
            texts = value if isinstance(value, list) else widget.decompress(value)
            data |= {f"{box.html_name}_{code}": text or "" for code, text in zip(codes, texts, strict=True)}
        elif isinstance(widget, forms.CheckboxInput):
            data |= {box.html_name: "on"} if value else {}
        elif isinstance(widget, forms.DateTimeInput):
            data[box.html_name] = str(widget.format_value(value) or "")
        else:
            data[box.html_name] = "" if value is None else str(value)
    return data


def send(client: Client, address: str, action: str = "publish", **typed: Any) -> Any:
    """Opens the page, types into its form and presses a button."""
    form = client.get(address).context["form"]
    return client.post(address, {**filled(form), **typed, "action": action})
