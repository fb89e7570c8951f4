"""Programs that call the API with a token."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.support.api_client import ApiClient

# No model is imported here: pytest loads this file before Django is ready.


@pytest.fixture
def api(db: None) -> Callable[..., ApiClient]:
    """`api("draft", "publish")` has a token with these scopes, of an owner who may do everything."""
    owner: Any = get_user_model().objects.create_superuser("maskine")

    def make(*scopes: str) -> ApiClient:
        from incidents.models import Page  # noqa: PLC0415 - see above
        from tests.factories import make_page, make_token  # noqa: PLC0415 - see above

        page = Page.objects.first() or make_page()
        return ApiClient(Client(), make_token(owner, *scopes).secret, page.pk)

    return make
