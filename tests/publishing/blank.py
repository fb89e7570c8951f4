"""Published stores that many tests start from, published once for all of them."""

import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

from django.utils import timezone

from incidents.models import Page
from incidents.publishing.store.publisher import publish_all
from tests.factories import make_page


def publish_once(root: Path, saved: Path) -> None:
    """Fill the public store at `root`: publish the first time, then copy what was published.

    The clock of a test may be set to another year, whose archive has other documents.
    """
    saved = saved / f"{timezone.localdate(timezone=ZoneInfo(Page.objects.current().time_zone))}"
    if saved.exists():
        shutil.copytree(saved, root)
    else:
        publish_all()
        shutil.copytree(root, saved)


def publish_blank_page(root: Path, saved: Path) -> None:
    """Publish a page without incidents."""
    make_page()
    publish_once(root, saved)
