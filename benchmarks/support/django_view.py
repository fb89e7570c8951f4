"""What the public page would be without publishing: the same template, rendered by a Django view per request.

A WSGI module for a server, started in the environment of a house (see `product.py`).
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

application = get_wsgi_application()
settings.ROOT_URLCONF = __name__

# Models may be loaded only now that Django is.
from django.utils import timezone  # noqa: E402

from incidents.publishing.copies import Copy, Press  # noqa: E402
from incidents.publishing.pages import Home  # noqa: E402


def home(_request: HttpRequest) -> HttpResponse:
    press, copy = Press(), Copy(Home(), "", "da")
    content = press.compose(copy)
    assert content is not None
    return HttpResponse(press.finish(copy, content, timezone.now()))


urlpatterns = [path("da/", home)]
