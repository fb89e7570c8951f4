"""The process that runs Django; `statuspage/wsgi.py` starts it with the descriptors of its connections."""

import os
import signal
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from incidents.garbage import spare_loaded_code
from incidents.public_site.transport import serve
from statuspage.preparation import wait_until_prepared

# The web server and the workers get the processor first: a rush on forms delays neither pages nor messages.
NICENESS = 10


def main(descriptors: list[int]) -> None:
    os.nice(NICENESS)
    # Who stops the web server often signals all of its processes, but requests may still be in
    # progress there. This process ends when the web server has closed the connections.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    application = get_wsgi_application()
    load_views()
    spare_loaded_code()
    wait_until_prepared(settings.VAR_DIR)
    serve(application, descriptors)


def load_views() -> None:
    """Import the modules of all addresses, which Django otherwise does at the first request."""
    get_resolver().url_patterns  # noqa: B018


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
