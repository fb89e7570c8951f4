"""Fixtures of upgrades."""

import os

import pytest

from harness import releases


@pytest.fixture
def previous_release() -> None:
    """Skip the test without the commit of the previous release, or fail if REQUIRE_HISTORY=1, as in CI."""
    if not releases.is_in_history():
        missing = f"The commit of the previous release, {releases.previous()[1]}, is not in this clone."
        (pytest.fail if os.environ.get("REQUIRE_HISTORY") == "1" else pytest.skip)(missing)
