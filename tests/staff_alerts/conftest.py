"""A clock, and people who are alerted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def person() -> Callable[..., Any]:
    """`person("karen")` may do everything, unless fields say otherwise, and has an address."""

    def make(name: str, **fields: Any) -> Any:
        account = {"email": f"{name}@example.dk", "is_staff": True, "is_superuser": True, **fields}
        return get_user_model().objects.create_user(name, **account)

    return make
