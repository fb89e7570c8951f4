"""Staff with a browser, for what a verb means to them."""

from tests.admin.conftest import _unhashed_files, publisher

__all__ = ["_unhashed_files", "publisher"]
