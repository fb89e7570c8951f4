"""The base of Django's own forms for what readers see: two people at once lose nothing."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from ..merging import Snapshot
from ..operations.snapshots import Collision
from .publishing_warnings import PublishingAdmin


class OpenedAdmin(PublishingAdmin):
    """Its form is an `OpenedModelForm`; the verbs that save it get `opened_on(form)`."""

    change_form_template = "admin/newsroom/change_form.html"

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Collision:  # saved by somebody else after this form was checked: checked again, it shows that
            return super().changeform_view(request, *args, **kwargs)


def opened_on(form: Any) -> Snapshot | None:
    """What a form was opened on; None for a row of a list, of which only what was edited is saved."""
    return getattr(form, "opened", None)
