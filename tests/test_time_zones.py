"""The names of time zones, for forms and imported tables."""

from incidents import time_zones


def test_names_are_searched_for_only_once() -> None:
    assert time_zones.names() is time_zones.names()
    assert "Europe/Copenhagen" in time_zones.names()
    assert "Europe/Atlantis" not in time_zones.names()
