"""Alerts from monitoring open, extend and resolve incidents, as the rules say."""

from datetime import timedelta
from threading import Thread

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from incidents import operations, scheduler
from incidents.models import AlertGroup, AlertKind, Announcement, AuditEntry, Component, Incident, MonitoringAlert
from incidents.monitoring_alerts import handling
from incidents.monitoring_alerts.receiving import ReceivedAlert, receive_alerts
from incidents.operations import Statement
from incidents.publishing import stale
from incidents.staff.actors import person
from incidents.staff_alerts.causes import causes
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_alert_rule, make_component, make_incident, make_maintenance, make_template, make_update

from .alerts import MINUTE, SECOND, ends, fires, later, phases
from .conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "public_store")]


@pytest.fixture
def web() -> Component:
    return make_component("web")


def test_alert_that_lasts_opens_an_incident_that_says_what_the_template_says(
    web: Component, clock: time_machine.Traveller
) -> None:
    make_alert_rule(
        component=web, conditions="severity = critical", status=ComponentStatus.MAJOR_OUTAGE, impact="critical"
    )
    fires(alertname="Down", severity="critical")
    later(clock, 59 * SECOND)
    assert not Incident.objects.exists()
    later(clock, 2 * SECOND)
    incident = Incident.objects.get()
    web.refresh_from_db()
    assert (incident.phase, incident.impact, web.status) == ("identified", "critical", "major_outage")
    assert (incident.is_public, incident.started_at) == (True, NOW)
    assert dict(incident.updates.get().text) == {"da": "Vi er i gang.", "en": "We are on it."}
    assert incident.title["en"] == "Outage since 2 March 2026, 13:00 CET"
    assert Announcement.objects.count() == 1
    entry = AuditEntry.objects.get(operation="open_incident")
    assert (entry.actor_kind, entry.actor_name) == ("scheduler", "alert rule “Outage”")


def test_alert_that_ends_within_the_hold_opens_nothing(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web)
    for _ in range(3):
        fires(alertname="Down")
        later(clock, 50 * SECOND)
        ends(alertname="Down")
        later(clock, 20 * SECOND)
    later(clock, 10 * MINUTE)
    assert not Incident.objects.exists()


def test_incident_is_resolved_once_all_alerts_have_ended_for_a_while(
    web: Component, clock: time_machine.Traveller
) -> None:
    final = make_template(Phase.RESOLVED, text=Text(da="Det virker igen."))
    make_alert_rule(component=web, final_template=final, minimum_open=0)
    fires(alertname="Down", instance="a")
    fires(alertname="Down", instance="b")
    later(clock, 2 * MINUTE)
    incident = Incident.objects.get()
    ends(alertname="Down", instance="a")
    later(clock, 10 * MINUTE)
    assert phases(incident) == ["identified"]
    ends(alertname="Down", instance="b")
    later(clock, 299 * SECOND)
    assert phases(incident) == ["identified"]
    later(clock, 2 * SECOND)
    assert phases(incident) == ["identified", "resolved"]
    last = incident.updates.newest_first()[0]
    assert dict(last.text) == {"da": "Det virker igen.", "en": "Resolved."}
    web.refresh_from_db()
    assert web.status == ComponentStatus.OPERATIONAL
    later(clock, 10 * MINUTE)
    assert len(phases(incident)) == 2


def test_flapping_alert_stays_one_incident(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    for _ in range(20):
        ends(alertname="Down")
        later(clock, MINUTE)
        fires(alertname="Down")
        later(clock, MINUTE)
    assert phases(Incident.objects.get()) == ["identified"]


def test_incident_is_open_for_the_minimum_time(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web, hold=0, quiet=0, minimum_open=600)
    fires(alertname="Down")
    later(clock, SECOND)
    ends(alertname="Down")
    later(clock, 9 * MINUTE)
    assert not Incident.objects.get().is_over
    later(clock, MINUTE)
    assert Incident.objects.get().is_over


def test_alert_that_comes_back_within_an_hour_reopens_the_incident(
    web: Component, clock: time_machine.Traveller
) -> None:
    make_alert_rule(component=web, minimum_open=0)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    ends(alertname="Down")
    later(clock, 6 * MINUTE)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    incident = Incident.objects.get()
    assert (phases(incident), incident.is_over) == (["identified", "resolved", "identified"], False)
    ends(alertname="Down")
    later(clock, 6 * MINUTE)
    clock.shift(timedelta(minutes=61))
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    assert Incident.objects.count() == 2


def test_storm_of_a_thousand_alerts_makes_one_incident(
    clock: time_machine.Traveller, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        make_component(f"c{number}")
    make_alert_rule(component_label="component")
    alerts = [
        ReceivedAlert(labels={"alertname": "Down", "instance": str(number), "component": f"c{number % 3}"})
        for number in range(1_000)
    ]
    with django_assert_max_num_queries(15):
        receive_alerts(alerts, by=ANYBODY)
    receive_alerts(alerts, by=ANYBODY)  # the second Alertmanager sends the same
    later(clock, 2 * MINUTE)
    assert MonitoringAlert.objects.count() == 1_000
    incident = Incident.objects.get()
    assert set(incident.updates.get().affected.values_list("component__slug", flat=True)) == {"c0", "c1", "c2"}
    assert Announcement.objects.count() == 1


def test_component_that_is_hit_later_is_added_without_a_message(clock: time_machine.Traveller) -> None:
    make_component("db", name=Text(da="Database"))
    make_component("web")
    make_alert_rule(component_label="component")
    fires(alertname="Down", component="web")
    later(clock, 2 * MINUTE)
    fires(alertname="Down", component="db")
    later(clock, MINUTE)
    incident = Incident.objects.get()
    last = incident.updates.newest_first()[0]
    assert (last.text["da"], last.notify) == ("Berører også: Database.", False)
    assert Component.objects.get(slug="db").status == ComponentStatus.PARTIAL_OUTAGE
    assert Announcement.objects.count() == 1


def test_labels_of_the_rule_make_one_incident_each(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(group_by="region")
    fires(alertname="Down", region="north")
    fires(alertname="Down", region="south")
    fires(alertname="Slow", region="south")
    later(clock, 2 * MINUTE)
    assert Incident.objects.count() == 2


def test_first_rule_that_fits_is_used(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(name="all", position=2, impact="minor")
    make_alert_rule(name="critical", position=1, impact="critical", conditions="severity = critical")
    make_alert_rule(name="unused", position=0, impact="none", is_active=False)
    fires(alertname="Down", severity="critical")
    later(clock, 2 * MINUTE)
    assert Incident.objects.get().impact == "critical"


def test_alert_without_a_rule_is_kept_and_does_nothing(clock: time_machine.Traveller) -> None:
    make_alert_rule(conditions="severity = critical")
    fires(alertname="Slow", severity="warning")
    later(clock, 2 * MINUTE)
    assert MonitoringAlert.objects.get().rule is None
    assert not Incident.objects.exists()


def test_work_in_progress_silences_its_component_until_it_is_over(
    web: Component, clock: time_machine.Traveller
) -> None:
    work = make_maintenance(start=NOW + SECOND, end=NOW + 60 * MINUTE, components=(web,))
    clock.shift(2 * SECOND)
    make_update(work, Phase.IN_PROGRESS, components={web.pk: ComponentStatus.UNDER_MAINTENANCE})
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 10 * MINUTE)
    assert not Incident.objects.incidents().exists()
    make_update(work, Phase.COMPLETED, components={web.pk: ComponentStatus.OPERATIONAL})
    later(clock, 50 * SECOND)
    assert not Incident.objects.incidents().exists()
    later(clock, 20 * SECOND)
    assert Incident.objects.incidents().count() == 1


def test_alert_of_a_component_that_an_open_incident_affects_changes_nothing(
    web: Component, clock: time_machine.Traveller
) -> None:
    incident = make_incident(components={web: ComponentStatus.MAJOR_OUTAGE})
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    assert MonitoringAlert.objects.get().covered_by == incident
    ends(alertname="Down")
    later(clock, 20 * MINUTE)
    assert (Incident.objects.count(), len(phases(incident))) == (1, 1)


def test_storm_opens_an_incident_for_the_components_that_no_other_affects(clock: time_machine.Traveller) -> None:
    make_incident(components={make_component("mail"): ComponentStatus.DEGRADED_PERFORMANCE})
    make_component("web")
    make_alert_rule(component_label="component")
    fires(alertname="Down", component="mail")
    later(clock, 2 * MINUTE)
    assert Incident.objects.count() == 1
    fires(alertname="Down", component="web")
    later(clock, 2 * MINUTE)
    second = Incident.objects.newest_first()[0]
    assert list(second.updates.get().affected.values_list("component__slug", flat=True)) == ["web"]


def test_incident_stays_open_while_alerts_that_it_covers_fire(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(name="critical", component=web, conditions="severity = critical", minimum_open=0)
    make_alert_rule(name="rest", component=web, position=1)
    fires(severity="critical")
    later(clock, 2 * MINUTE)
    fires(severity="warning")
    later(clock, 2 * MINUTE)
    ends(severity="critical")
    later(clock, 20 * MINUTE)
    assert not Incident.objects.get().is_over
    ends(severity="warning")
    later(clock, 20 * MINUTE)
    assert Incident.objects.get().is_over


def test_incident_that_a_person_works_on_is_left_to_the_person(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    incident = Incident.objects.get()
    make_update(incident, Phase.MITIGATED)
    ends(alertname="Down")
    later(clock, 20 * MINUTE)
    assert phases(incident) == ["identified", "mitigated"]
    assert not AlertGroup.objects.open().exists()


def test_withdrawn_incident_is_not_opened_again_while_the_alert_fires(
    web: Component, clock: time_machine.Traveller
) -> None:
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    operations.withdraw(incident=Incident.objects.get(), by=ANYBODY)
    later(clock, 20 * MINUTE)
    assert (Incident.objects.count(), Incident.objects.public().count()) == (1, 0)


def test_draft_of_a_rule_alerts_staff_until_it_is_published(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web, publish=False, notify=False)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    incident = Incident.objects.get()
    assert not incident.is_public
    (alert,) = causes(NOW + 2 * MINUTE)
    assert (alert.kind, alert.incident, alert.detail) == (AlertKind.DRAFT_OF_RULE, incident, incident.updates.get().pk)
    operations.publish_draft(update=incident.updates.get(), by=ANYBODY)
    assert causes(NOW + 2 * MINUTE) == []
    ends(alertname="Down")
    later(clock, 20 * MINUTE)
    assert phases(incident) == ["identified", "resolved"]


def test_discarded_draft_does_not_come_back_while_the_alert_fires(
    web: Component, clock: time_machine.Traveller
) -> None:
    make_alert_rule(component=web, publish=False, notify=False)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    operations.discard_draft(update=Incident.objects.get().updates.get(), by=ANYBODY)
    later(clock, 20 * MINUTE)
    assert not Incident.objects.exists()


def test_rule_that_fails_says_why_and_the_others_go_on(web: Component, clock: time_machine.Traveller) -> None:
    broken, _good = (
        make_alert_rule(name="broken", conditions="a = 1", component_label="component"),
        make_alert_rule(name="good", component=web, position=1),
    )
    # Changed after the rule was made: its text contains {components}, and there is none.
    operations.edit_template(template=broken.template, fields={"text": Text(da="{components} er nede.")}, by=ANYBODY)
    fires(a="1")
    fires(a="2")
    later(clock, 2 * MINUTE)
    assert Incident.objects.count() == 1
    group = AlertGroup.objects.get(rule=broken)
    assert "{components}" in group.failure
    assert [alert.kind for alert in causes(NOW + 2 * MINUTE)] == [AlertKind.RULE_FAILED]
    operations.edit_template(template=broken.template, fields={"text": Text(da="Nede.")}, by=ANYBODY)
    later(clock, SECOND)
    assert (Incident.objects.count(), AlertGroup.objects.exclude(failure="").count()) == (2, 0)


def test_alerts_are_taken_only_from_who_may_send_them(django_user_model: type) -> None:
    reader = django_user_model.objects.create_user("reader", is_staff=True)  # type: ignore[attr-defined]
    with pytest.raises(PermissionDenied):
        receive_alerts([ReceivedAlert(labels={"a": "1"})], by=person(reader))


def test_outdated_alerts_are_deleted(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, SECOND)
    ends(alertname="Down")
    later(clock, SECOND)
    clock.shift(timedelta(days=31))
    scheduler.forget_alerts()
    assert (MonitoringAlert.objects.count(), AlertGroup.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_open_one_incident(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "publish_for_readers", lambda *_args, **_options: None)
    make_alert_rule(component=make_component("web"), hold=0)
    fires(alertname="Down")

    def run() -> None:
        try:
            handling.handle_alerts()
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Incident.objects.count() == 1


def test_end_of_an_alert_that_was_never_heard_of_is_ignored() -> None:
    ends(alertname="Down")
    assert not MonitoringAlert.objects.exists()


def test_statement_of_a_person_counts_even_if_it_is_a_draft(web: Component, clock: time_machine.Traveller) -> None:
    make_alert_rule(component=web)
    fires(alertname="Down")
    later(clock, 2 * MINUTE)
    incident = Incident.objects.get()
    statement = Statement(phase=Phase.MITIGATED, text=Text(da="Snart"))
    operations.post_update(incident=incident, statement=statement, by=ANYBODY, draft=True)
    ends(alertname="Down")
    later(clock, 20 * MINUTE)
    assert not incident.updates.filter(phase=Phase.RESOLVED).exists()
