"""The admin's fonts, sizes and colours: those of the public page."""

from hashlib import sha256

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from ..models import Page
from ..publishing.documents.assets import asset

_FOR_A_YEAR = "private, max-age=31536000, immutable"  # the address changes with the content


def appearance_address(page: Page) -> str:
    version = sha256(_style(page)).hexdigest()[:12]
    return f"{reverse('admin:appearance')}?{version}"


@require_safe
def appearance(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Return the style sheet, also before log-in. A file could not contain the page's own colour."""
    response = HttpResponse(_style(Page.objects.current()), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = _FOR_A_YEAR
    return response


def _style(page: Page) -> bytes:
    return asset("admin.css", page.brand_colour)
