"""Data for the benchmark `api`: `python -m benchmarks.support.api_data INCIDENTS TOKENS` in a product's environment.

Replaces all data with that many incidents (see `history.py`) and prints as JSON what a program needs: the page's id,
the components' ids, and tokens, of which one may send a hundred requests at once.
"""

import json
import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

# Models can be imported only once Django is set up.
from django.contrib.auth import get_user_model  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.support import history  # noqa: E402
from incidents import operations  # noqa: E402
from incidents.models import Component, Page  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.statuspage_api import page_id  # noqa: E402


def main(incidents: int, tokens: int) -> dict[str, Any]:
    history.fill(incidents)
    owner: Any = get_user_model().objects.create_superuser("machine")
    until = timezone.now() + timedelta(days=1)
    scopes = ["read", "publish", "admin"]
    made = [
        operations.create_token(owner=owner, name=str(number), scopes=scopes, expires_at=until, by=command("benchmark"))
        for number in range(tokens)
    ]
    return {
        "page": page_id(Page.objects.current()),
        "components": list(Component.objects.in_page_order().values_list("pk", flat=True)),
        "tokens": [token.secret for token in made],
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
