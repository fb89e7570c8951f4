"""What waits for a person now, on the front page: each with a link to the form that settles it."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from ..models import Incident
from ..staff import rights
from ..staff_alerts import texts
from ..staff_alerts.causes import causes
from ..status import Kind

SHOWN = 20


@dataclass(frozen=True)
class Matter:
    """Why something waits for a person, and where that is settled. What has stopped has no incident."""

    incident: Incident | None
    reason: str
    address: str


def needs_attention(user: AbstractBaseUser | AnonymousUser, now: datetime) -> list[Matter]:
    """Return what waits for somebody with this person's rights, the most urgent first."""
    kinds = [kind for kind in Kind if user.has_perm(rights.publish(kind))]  # type: ignore[union-attr]  # as in front_page
    if not kinds:
        return []
    alerts = causes(now, kinds)[:SHOWN]
    return [Matter(alert.incident, texts.reason(alert), texts.address(alert)) for alert in alerts]
