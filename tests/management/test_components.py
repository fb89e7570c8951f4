"""`manage.py components`: what is stored of the statuses of components, compared with what incidents claim."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from incidents.models import Component, StatusChange
from incidents.status import ComponentStatus
from tests.factories import make_component, make_incident

pytestmark = pytest.mark.django_db


def run(option: str) -> str:
    output = StringIO()
    call_command("components", option, stdout=output)
    return output.getvalue()


def test_check_finds_no_difference_after_the_verbs() -> None:
    make_incident(components={make_component("mail"): ComponentStatus.MAJOR_OUTAGE})
    assert run("--check") == "1 component: no differences.\n"


def test_check_lists_what_is_stored_differently_and_changes_nothing() -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    StatusChange.objects.update(status=ComponentStatus.PARTIAL_OUTAGE)
    Component.objects.update(status=ComponentStatus.OPERATIONAL)
    output = StringIO()
    with pytest.raises(CommandError, match="components --rebuild"):
        call_command("components", "--check", stdout=output)
    time = incident.started_at.isoformat()
    assert output.getvalue().splitlines() == [
        f"mail: + {time} major_outage because of {incident.pk}",
        f"mail: - {time} partial_outage because of {incident.pk}",
        "mail: is operational, should be major_outage",
    ]
    assert StatusChange.objects.get().status == ComponentStatus.PARTIAL_OUTAGE


def test_rebuild_stores_what_incidents_claim() -> None:
    mail = make_component("mail")
    make_component("web")
    make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    StatusChange.objects.all().delete()
    Component.objects.update(status=ComponentStatus.OPERATIONAL)
    assert run("--rebuild").splitlines() == ["mail: rebuilt", "1 of 2 components was stored differently."]
    assert StatusChange.objects.get().status == ComponentStatus.MAJOR_OUTAGE
    assert run("--check") == "2 components: no differences.\n"
