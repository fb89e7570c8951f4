"""Receivers of alerts from monitoring: Prometheus Alertmanager, Grafana, and a shape of our own (docs/alerts.md)."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_noop
from ninja import Router, Schema, Status
from pydantic import AfterValidator, Field
from pydantic import ValidationError as PydanticError

from ..monitoring_alerts.receiving import ReceivedAlert, receive_alerts
from ..subscriptions import limits
from .answers import documented
from .authentication import authenticate
from .parsing import is_storable
from .requests import actor

MOST_ALERTS = 2_000  # in one request
_MOST_LABELS = 64


def _authenticate(request: HttpRequest) -> Any:
    return authenticate(request, limits.take_alerts)


def _few(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MOST_LABELS:
        raise ValueError(f"at most {_MOST_LABELS} labels")
    if not all(is_storable(text) for pair in labels.items() for text in pair):
        raise ValueError("a character that cannot be stored")
    return labels


Name = Annotated[str, Field(min_length=1, max_length=100)]
Value = Annotated[str, Field(max_length=1_000)]
Labels = Annotated[dict[Name, Value], AfterValidator(_few)]

router = Router(tags=["alerts"], auth=_authenticate)


class NotifiedAlert(Schema):
    """An alert of Alertmanager's webhook, version 4, which Grafana sends too, with more keys."""

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: dict[str, str] = {}
    startsAt: datetime | None = None  # noqa: N815 - their name
    generatorURL: str = ""  # noqa: N815 - their name


class Notification(Schema):
    alerts: Annotated[list[NotifiedAlert], Field(max_length=MOST_ALERTS)]


class PlainAlert(Schema):
    """Our own shape. `labels` say which alert it is: the end of an alert has the labels of its beginning."""

    status: Literal["firing", "resolved"] = "firing"
    labels: Annotated[Labels, Field(min_length=1)]
    summary: str = ""
    link: str = ""
    started_at: datetime | None = None


class PlainAlerts(Schema):
    alerts: Annotated[list[PlainAlert], Field(max_length=MOST_ALERTS)]


class Accepted(Schema):
    """How many alerts were stored. What follows from them is done by the scheduler within seconds."""

    accepted: int


@router.post(
    "/alertmanager",
    response=documented(Accepted, HTTPStatus.ACCEPTED),
    summary=gettext_noop("Alerts of Prometheus Alertmanager"),
)
def alertmanager(request: HttpRequest, body: Notification) -> Any:
    """For `webhook_configs` of Alertmanager 0.22 or newer; mind its `max_alerts`."""
    return _receive(request, [of_notified(alert) for alert in body.alerts])


@router.post("/grafana", response=documented(Accepted, HTTPStatus.ACCEPTED), summary=gettext_noop("Alerts of Grafana"))
def grafana(request: HttpRequest, body: Notification) -> Any:
    """For the contact point “Webhook” of Grafana's alerting."""
    return _receive(request, [of_notified(alert) for alert in body.alerts])


@router.post("", response=documented(Accepted, HTTPStatus.ACCEPTED), summary=gettext_noop("Alerts of anything else"))
def plain(request: HttpRequest, body: PlainAlerts) -> Any:
    return _receive(request, [of_plain(alert) for alert in body.alerts])


def of_notified(alert: NotifiedAlert) -> ReceivedAlert:
    summary = alert.annotations.get("summary") or alert.annotations.get("description", "")
    return _received(alert.status, alert.labels, summary, alert.generatorURL, alert.startsAt)


def of_plain(alert: PlainAlert) -> ReceivedAlert:
    return _received(alert.status, alert.labels, alert.summary, alert.link, alert.started_at)


def _received(status: str, labels: dict[str, str], summary: str, link: str, started: datetime | None) -> ReceivedAlert:
    return ReceivedAlert(
        labels=labels,
        summary=" ".join(summary.split()),
        link=link if link.startswith(("https://", "http://")) else "",
        fired_at=_aware(started),
        ended_at=timezone.now() if status == "resolved" else None,
    )


def _receive(request: HttpRequest, alerts: list[ReceivedAlert]) -> Any:
    return Status(HTTPStatus.ACCEPTED, {"accepted": receive_alerts(alerts, by=actor(request))})


def _aware(value: datetime | None) -> datetime | None:
    # Alertmanager writes the year 1 for a time that it does not know.
    if value is None or value.year < 1971:
        return None
    return timezone.make_aware(value) if timezone.is_naive(value) else value


class NotAnAlert(ValueError):
    """A text has neither labels nor the JSON of alerts; the argument says why, in English if it is about JSON."""


def read_alerts(text: str) -> list[ReceivedAlert]:
    """Return the alerts of an example: JSON of any of the shapes, or a label and its value on each line."""
    try:
        if not text.lstrip().startswith(("{", "[")):
            return [of_plain(PlainAlert(labels=_labels_in(text)))]
        found = json.loads(text)
        if isinstance(found, dict) and "alerts" not in found:
            found = [found]
        if isinstance(found, list):
            found = {"alerts": found}
        if any("annotations" in one or "startsAt" in one for one in found["alerts"]):
            return [of_notified(alert) for alert in Notification.model_validate(found).alerts]
        return [of_plain(alert) for alert in PlainAlerts.model_validate(found).alerts]
    except PydanticError as error:
        first = error.errors()[0]
        raise NotAnAlert(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except NotAnAlert:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise NotAnAlert(str(error)[:200]) from None


def _labels_in(text: str) -> dict[str, str]:
    labels = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = line.partition("=")
        if not sign or not name.strip() or len(line) > 1_000:
            raise NotAnAlert(line[:100])
        labels[name.strip()] = value.strip().strip('"')
    return labels
