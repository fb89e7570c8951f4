"""The form for the page's settings, with its logo, and links as pairs of label and URL."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ... import time_zones
from ...merging import Snapshot
from ...models import Page
from ...models.fields import LocalizedFormField
from ...models.logo import MAX_BYTES, logo_from
from ...models.weblinks import MAX_LINKS
from ...operations import snapshots
from .opened_model import OpenedModelForm

_LABEL = gettext_lazy("Link %(number)s: label")
_ADDRESS = gettext_lazy("Link %(number)s: address")


def link_names() -> Iterator[tuple[str, str]]:
    """The field names for each link: label and URL."""
    return ((f"link_{number}_label", f"link_{number}_address") for number in range(1, MAX_LINKS + 1))


class PageForm(OpenedModelForm, forms.ModelForm[Page]):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Times are shown in this zone, with its name."),
        choices=lambda: [(name, name) for name in sorted(time_zones.names())],
    )
    logo_file = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        widget=forms.FileInput({"accept": "image/png,image/webp,image/jpeg"}),
        help_text=gettext_lazy(
            "PNG, WebP or JPEG of at most 100 kB; a few kB are best, because every reader loads it. "
            "It is shown on white in the dark theme."
        ),
    )
    remove_logo = forms.BooleanField(label=gettext_lazy("Remove the logo"), required=False)

    class Meta:
        model = Page
        fields = (
            "name", "introduction", "company", "address", "website", "contact", "time_zone", "brand_colour",
            "logo_text",
        )  # fmt: skip
        widgets = {"brand_colour": forms.TextInput({"type": "color"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = [*self.instance.web_links, *[None] * MAX_LINKS]
        for number, ((label, address), link) in enumerate(zip(link_names(), stored, strict=False), 1):
            self.fields[label] = LocalizedFormField(
                required=False, single_line=True, label=_LABEL % {"number": number}, initial=link and link["label"]
            )
            self.fields[address] = forms.URLField(
                required=False,
                assume_scheme="https",
                label=_ADDRESS % {"number": number},
                initial=link and link["address"],
            )
        if not self.instance.logo_id:
            del self.fields["remove_logo"]

    def snapshot(self) -> Snapshot:
        return snapshots.of_page(self.instance)

    def full_clean(self) -> None:
        """As always; and a form that is shown again says that its file is gone, because browsers do not keep it."""
        super().full_clean()
        if self.errors and "logo_file" in self.files and "logo_file" not in self.errors:
            self.add_error("logo_file", _("Choose the file again: a browser does not keep it."))

    def clean_logo_file(self) -> bytes | None:
        # The bytes of a valid picture. Reads at most the allowed size.
        file = self.cleaned_data.get("logo_file")
        if file is None:
            return None
        content: bytes = file.read(MAX_BYTES + 1)
        logo_from(content)
        return content

    def clean(self) -> dict[str, Any]:
        super().clean()
        for label, address in link_names():
            if bool(self.cleaned_data.get(label)) != bool(self.cleaned_data.get(address)):
                missing = address if self.cleaned_data.get(label) else label
                if missing not in self.errors:
                    self.add_error(missing, _("Write a label and an address for each link."))
        return self.cleaned_data

    @property
    def links(self) -> list[dict[str, Any]]:
        """As they are stored."""
        pairs = ((self.cleaned_data[label], self.cleaned_data[address]) for label, address in link_names())
        return [{"label": dict(label), "address": address} for label, address in pairs if label and address]
