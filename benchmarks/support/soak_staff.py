"""Staff who post updates whatever fails: `python -m benchmarks.support.soak_staff` in the environment of a product.

Standard input has one command per line, answered by one line of JSON:

`update N` posts an update that notifies nobody, `fan_out N` one that notifies all subscribers. The answer is
`{"done": true}` once the update is published, or `{"error": …}`: then it may be committed or not.
`prepare MAILBOXES WEBHOOKS PORT` creates subscribers. `deliveries` returns what became of every delivery.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import django
from django.db import Error, connection
from django.utils import timezone

django.setup()

# Models can be imported only once Django is set up.
from benchmarks.support.delivery_commands import fill  # noqa: E402
from benchmarks.support.history import make_components  # noqa: E402
from incidents import operations  # noqa: E402
from incidents.models import Component, Delivery, Incident, Subscriber  # noqa: E402
from incidents.operations import Statement  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.status import ComponentStatus, Impact, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402

UPDATES = 15  # of one incident, then another one begins
STAFF = command("benchmark")


def prepare(mailboxes: str, webhooks: str, port: str) -> dict[str, Any]:
    fill(mailboxes)
    make_components(3)
    owner, active = "owner@webhooks.example", {"state": "active", "confirmed_at": timezone.now(), "language": "en"}
    for number in range(int(webhooks)):
        url = f"http://127.0.0.1:{port}/{number}"
        Subscriber.new(url, channel="webhook", owner=owner, **active).save()
    return {"subscribers": Subscriber.objects.count()}


class Staff:
    """Remembers which incidents are open."""

    def __init__(self) -> None:
        self.incident: Incident | None = None
        self.announced: Incident | None = None
        self.updates = 0

    def update(self, number: str) -> dict[str, Any]:
        if self.incident is None or self.updates >= UPDATES:
            old, self.incident, self.updates = self.incident, _open_incident(number, notify=False), 1
            _resolve(old)
        else:
            operations.post_update(by=STAFF, incident=self.incident, statement=_statement(number, notify=False))
            self.updates += 1
        return {"done": True}

    def fan_out(self, number: str) -> dict[str, Any]:
        old, self.announced = self.announced, _open_incident(number, notify=True)
        _resolve(old)
        return {"done": True}


def deliveries() -> dict[str, Any]:
    sent = Delivery.objects.filter(state="sent", channel="email", announcement__isnull=False)
    return {
        "unfinished": Delivery.objects.exclude(state__in=["sent", "failed", "skipped"]).count(),
        "failed": Delivery.objects.filter(state="failed").count(),
        "sent": list(sent.values_list("subscriber__address", "message_id")),
        "posts": Delivery.objects.filter(state="sent").exclude(channel="email").count(),
    }


def _open_incident(number: str, *, notify: bool) -> Incident:
    title = Text(da="Forespørgsler afvises", en="Requests are refused")
    return operations.open_incident(
        by=STAFF,
        details={"title": title, "impact": Impact.MAJOR},
        statement=_statement(number, notify=notify),
    )


def _resolve(incident: Incident | None) -> None:
    if incident is not None:
        operations.resolve(by=STAFF, incident=incident, text=Text(da="Løst.", en="Solved."), notify=False)


def _statement(number: str, *, notify: bool) -> Statement:
    component = Component.objects.in_page_order()[0]
    return Statement(
        phase=Phase.IDENTIFIED,
        text=Text(da=f"Vi arbejder på det: soak-{number}-.", en=f"We are working on it: soak-{number}-."),
        components={component.pk: ComponentStatus.PARTIAL_OUTAGE},
        notify=notify,
    )


def main() -> None:
    staff = Staff()
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": prepare, "update": staff.update, "fan_out": staff.fan_out, "deliveries": deliveries
    }  # fmt: skip
    print("{}", flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = commands[name](*arguments)
        except (Error, OSError) as error:
            connection.close()
            staff.incident = staff.announced = None  # they may be committed or not
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
