"""A page on which nothing has happened, published once for all tests that begin with it."""

import shutil
from pathlib import Path

from incidents.publishing.publish import publish_all
from tests.factories import make_page


def publish_blank_page(root: Path, kept: Path) -> None:
    """Makes the page, and fills the public store at `root` with a copy of what was published the first time."""
    make_page()
    if kept.exists():
        shutil.copytree(kept, root)
    else:
        publish_all()
        shutil.copytree(root, kept)
