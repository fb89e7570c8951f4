"""Worlds that many tests begin with, published once for all of them."""

import shutil
from pathlib import Path

from incidents.publishing.store.publisher import publish_all
from tests.factories import make_page


def publish_once(root: Path, kept: Path) -> None:
    """Fills the public store at `root` with a copy of what was published there the first time."""
    if kept.exists():
        shutil.copytree(kept, root)
    else:
        publish_all()
        shutil.copytree(root, kept)


def publish_blank_page(root: Path, kept: Path) -> None:
    """A page on which nothing has happened."""
    make_page()
    publish_once(root, kept)
