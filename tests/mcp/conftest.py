"""Agents with a token."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.support.agent import Agent

# No model is imported here: pytest loads this file before Django is ready.


@pytest.fixture
def agent(db: None) -> Callable[..., Agent]:
    """`agent("draft", "publish")` has a token with these scopes, of an owner who may do everything."""
    owner: Any = get_user_model().objects.create_superuser("mette")

    def make(*scopes: str) -> Agent:
        from tests.factories import make_page, make_token  # noqa: PLC0415 - see above

        make_page()
        return Agent(make_token(owner, *scopes, name="Night agent").secret)

    return make
