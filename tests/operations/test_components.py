from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from incidents import operations
from incidents.models import StaleSubject
from incidents.status import ComponentStatus
from tests.actors import ANYBODY
from tests.factories import make_component

pytestmark = pytest.mark.django_db


def test_status_set_by_hand_is_recorded_and_makes_the_component_stale() -> None:
    mail = make_component("mail")
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.PARTIAL_OUTAGE)
    mail.refresh_from_db()
    assert mail.status == ComponentStatus.PARTIAL_OUTAGE
    assert mail.status_changes.get().status == ComponentStatus.PARTIAL_OUTAGE
    assert StaleSubject.objects.filter(subject=f"component:{mail.pk}").exists()


def test_status_in_the_future_is_refused() -> None:
    mail = make_component("mail")
    with pytest.raises(ValidationError) as error:
        operations.set_component_status(
            by=ANYBODY, component=mail, status=ComponentStatus.MAJOR_OUTAGE, at=timezone.now() + timedelta(hours=1)
        )
    assert set(error.value.message_dict) == {"at"}
    assert not mail.status_changes.exists()
