"""Published stores that many tests start from, published once for all of them."""

import shutil
from pathlib import Path

from incidents.publishing.store.publisher import publish_all
from tests.factories import make_page


def publish_once(root: Path, saved: Path) -> None:
    """Fill the public store at `root`: publish the first time, then copy what was published."""
    if saved.exists():
        shutil.copytree(saved, root)
    else:
        publish_all()
        shutil.copytree(root, saved)


def publish_blank_page(root: Path, saved: Path) -> None:
    """Publish a page without incidents."""
    make_page()
    publish_once(root, saved)
