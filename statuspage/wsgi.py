"""The WSGI entry point: PublicSite, with Django in a process of its own, which published pages do not need."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.log import configure_logging

from incidents.checks import refuse_incomplete_languages
from incidents.garbage import spare_loaded_code
from incidents.public_site.app import PublicSite
from incidents.public_site.application_process import ApplicationProcess
from incidents.public_site.threads import Threads
from incidents.subscriptions.origin import is_from_proxy, network_of
from incidents.systemd import notify_ready
from statuspage import __version__
from statuspage.port import refuse_shared_port

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")


def application_from_settings() -> PublicSite:
    refuse_shared_port()
    refuse_incomplete_languages()
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    threads = Threads(settings.WEB_THREADS)
    connections = threads.django + threads.log_ins + 1  # one for /metrics, which waits for no other request
    return PublicSite(
        ApplicationProcess([sys.executable, "-m", "statuspage.django_process"], settings.BASE_DIR, connections),
        public_root=settings.PUBLIC_ROOT,
        static_root=settings.STATIC_ROOT,
        languages=[code for code, _name in settings.LANGUAGES],
        default_language=settings.LANGUAGE_CODE,
        https=settings.HTTPS,
        catalogues=settings.LOCALE_PATHS[0],
        threads=threads,
        body_timeout=settings.BODY_TIMEOUT,
        network=network_of,
        is_from_proxy=is_from_proxy,
        log_in_path=settings.LOGIN_URL,
        version=__version__,
        metrics_token=settings.METRICS_TOKEN,
        show_errors=settings.DEBUG,
    )


try:
    application = application_from_settings()
except ImproperlyConfigured as error:
    print(error, file=sys.stderr, flush=True)
    sys.exit(3)  # gunicorn stops on this code; after any other it would restart the worker forever

spare_loaded_code()
notify_ready()
