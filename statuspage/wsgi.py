"""The WSGI entry point: PublicSite around Django. It starts without database, queue and models."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from incidents.public_site.app import PublicSite
from incidents.public_site.threads import Threads
from incidents.subscriptions.origin import network_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")


def application_from_settings() -> PublicSite:
    return PublicSite(
        get_wsgi_application,
        public_root=settings.PUBLIC_ROOT,
        static_root=settings.STATIC_ROOT,
        languages=[code for code, _name in settings.LANGUAGES],
        default_language=settings.LANGUAGE_CODE,
        https=settings.HTTPS,
        catalogues=settings.LOCALE_PATHS[0],
        threads=Threads(settings.WEB_THREADS),
        body_timeout=settings.BODY_TIMEOUT,
        network=network_of,
        show_errors=settings.DEBUG,
    )


# Published pages are answered in a thread beside those that run Django. With Python's default of 5 ms
# they wait that long for each of these before they may run.
sys.setswitchinterval(0.0005)

try:
    application = application_from_settings()
except ImproperlyConfigured as error:
    print(error, file=sys.stderr, flush=True)
    sys.exit(3)  # gunicorn stops on this code; after any other it would restart the worker forever
