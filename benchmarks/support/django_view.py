"""The home page without publishing: a Django view renders the same template for each request.

A WSGI module for a web server, in the environment of a product (see `product.py`).
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

application = get_wsgi_application()
settings.ROOT_URLCONF = __name__

# Models can be imported only once Django is set up.
from django.utils import timezone  # noqa: E402

from incidents.publishing.documents.pages import Home  # noqa: E402
from incidents.publishing.store.renditions import Renderer, Rendition  # noqa: E402


def home(_request: HttpRequest) -> HttpResponse:
    renderer, rendition = Renderer(), Rendition(Home(), "", "da")
    content = renderer.render(rendition)
    assert content is not None
    return HttpResponse(renderer.to_bytes(rendition, content, timezone.now()))


urlpatterns = [path("da/", home)]
