"""pytest loads this file before Django is set up, so modules that need models are imported when a fixture runs."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

if TYPE_CHECKING:
    from .visitor import Visitor


def _made(name: str) -> Callable[..., Any]:
    module, _dot, function = name.rpartition(".")
    made: Callable[..., Any] = getattr(import_module(f"tests.{module}"), function)
    return made


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def page(db: None) -> Any:
    return _made("factories.make_page")(contact="drift@example.dk")


@pytest.fixture
def anna(clock: time_machine.Traveller, page: Any) -> "Visitor":
    """A Danish reader."""
    visitor: Visitor = _made("subscriptions.visitor.Visitor")(clock)
    return visitor


@pytest.fixture
def ben(clock: time_machine.Traveller, page: Any) -> "Visitor":
    """An English reader, from another network."""
    visitor: Visitor = _made("subscriptions.visitor.Visitor")(clock, language="en", network="2001:db8:7::1")
    return visitor
