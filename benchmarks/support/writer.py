"""Posts an update for each word on standard input, one per line, and prints when it was committed and published.

`python -m benchmarks.support.writer` in the environment of a product (see `product.py`).
It answers each word with a line: the moments of the commit and of the end of publishing, in
nanoseconds of the monotonic clock, which all processes of a machine share.
"""

import sys
import time

import django
from django.db import transaction

django.setup()

# Models can be imported only once Django is set up.
from incidents import operations  # noqa: E402
from incidents.models import Component, Incident  # noqa: E402
from incidents.operations import Statement  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.status import ComponentStatus, Impact, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402


def statement(word: str) -> Statement:
    component = Component.objects.in_page_order()[0]
    return Statement(
        phase=Phase.IDENTIFIED,
        text=Text(da=f"Vi arbejder på det: {word}.", en=f"We are working on it: {word}."),
        components={component.pk: ComponentStatus.PARTIAL_OUTAGE},
        notify=False,
    )


def open_incident(word: str = "begin") -> Incident:
    title = Text(da="Forespørgsler afvises", en="Requests are refused")
    return operations.open_incident(
        by=command("benchmark"), details={"title": title, "impact": Impact.MAJOR}, statement=statement(word)
    )


def post(incident: Incident, word: str) -> tuple[int, int]:
    committed = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic_ns()))
        operations.post_update(by=command("benchmark"), incident=incident, statement=statement(word))
    return committed[0], time.monotonic_ns()


def main() -> None:
    incident = open_incident()
    print("ready", flush=True)
    for updates, line in enumerate(sys.stdin, 1):
        print(*post(incident, line.strip()), flush=True)
        if updates % 20 == 0:  # a real incident has some updates, not hundreds
            incident, old = open_incident(line.strip()), incident
            operations.resolve(by=command("benchmark"), incident=old, text=Text(da="Løst.", en="Solved."), notify=False)


if __name__ == "__main__":
    main()
