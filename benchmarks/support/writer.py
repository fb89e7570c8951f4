"""Posts an update for each word on standard input, one per line, and prints when it was committed and published.

`python -m benchmarks.support.writer` in the environment of a product with a scheduler (see `product.py`).
It answers each word with a line of two moments, in nanoseconds of the monotonic clock, which all
processes of a machine share: of the commit and of the answer to staff. With `--to-the-end` a line with
a third moment follows, when all documents were written.
"""

import sys
import time

import django
from django.db import transaction

django.setup()

# Models can be imported only once Django is set up.
from incidents import operations  # noqa: E402
from incidents.models import Component, Incident, StaleSubject  # noqa: E402
from incidents.operations import Statement  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.status import ComponentStatus, Impact, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402

PAUSE = 0.005  # seconds between two looks
PATIENCE = 30


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


def wait_until_published() -> int:
    deadline = time.monotonic() + PATIENCE
    while StaleSubject.objects.unpublished().exists():
        if time.monotonic() > deadline:
            raise AssertionError(f"The scheduler has not published all documents in {PATIENCE} s.")
        time.sleep(PAUSE)
    return time.monotonic_ns()


def main(*, to_the_end: bool) -> None:
    incident = open_incident()
    print("ready", flush=True)
    for updates, line in enumerate(sys.stdin, 1):
        if to_the_end:
            wait_until_published()  # what was opened and resolved after the last word is not timed
        print(*post(incident, line.strip()), flush=True)
        if to_the_end:
            print(wait_until_published(), flush=True)
        if updates % 20 == 0:  # a real incident has some updates, not hundreds
            incident, old = open_incident(line.strip()), incident
            operations.resolve(by=command("benchmark"), incident=old, text=Text(da="Løst.", en="Solved."), notify=False)


if __name__ == "__main__":
    main(to_the_end="--to-the-end" in sys.argv)
