"""What staff see of a component that several incidents concern: in the composer, after publishing, in the list."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Component, Incident, ManualStatus
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import send
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db
NEW = "/admin/incidents/incident/add/"
COMPONENTS = "/admin/incidents/component/"
OPERATIONAL, DEGRADED, PARTIAL, MAJOR = (
    ComponentStatus.OPERATIONAL,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.MAJOR_OUTAGE,
)


@pytest.fixture
def mail() -> Component:
    return make_component("mail", name=Text(da="Mail", en="Mail"))


@pytest.fixture
def outage(mail: Component) -> Incident:
    return make_incident(title=Text(da="Al mail er nede", en="All mail is down"), components={mail: MAJOR})


def outlook(client: Client, address: str, component: Component, **posted: str) -> list[str]:
    """The visible lines below a component in the composer, as text."""
    response = client.post(address, posted) if posted else client.get(address)
    page = response.content.decode()
    _before, found, rest = page.partition(f'id="outlook-{component.pk}"')
    if not found:
        return []
    lines = re.findall(r"<p([^>]*)>(.*?)</p>", rest.partition("</div>")[0], re.DOTALL)
    return [" ".join(strip_tags(line).split()) for attributes, line in lines if "hidden" not in attributes]


def said(client: Client, address: str, **typed: str) -> list[str]:
    """The messages after a form was sent, as text."""
    response = client.get(send(client, address, **typed)["Location"])
    return [strip_tags(str(message)) for message in response.context["messages"]]


def test_composer_says_what_an_open_incident_says_and_that_the_component_stays_so(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    assert outlook(publisher, NEW, mail) == ["Stays Major outage because of “All mail is down”"]
    assert incident_page(outage) in publisher.get(NEW).content.decode()


def test_composer_says_what_readers_will_see_of_a_choice_that_is_as_bad(publisher: Client, mail: Component) -> None:
    make_incident(title=Text(da="Træg mail", en="Slow mail"), components={mail: DEGRADED})
    incident = make_incident(components={mail: MAJOR})
    address = incident_page(incident, "update")
    assert outlook(publisher, address, mail) == [
        "Degraded performance because of “Slow mail”",
        "Readers will see: Major outage",
    ]
    assert outlook(publisher, f"{address}?phase=resolved", mail) == [
        "Stays Degraded performance because of “Slow mail”"
    ]


def test_no_change_means_what_the_incident_said_last(publisher: Client, mail: Component, outage: Incident) -> None:
    incident = make_incident(components={mail: MAJOR})
    typed = {"phase": "identified", f"component-{mail.pk}": "", "action": "publish"}
    lines = outlook(publisher, incident_page(incident, "update"), mail, **typed)
    assert lines == ["Major outage because of “All mail is down”", "Readers will see: Major outage"]


def test_composer_keeps_saying_it_for_the_choice_of_a_form_with_errors(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    lines = outlook(publisher, NEW, mail, phase="investigating", **{f"component-{mail.pk}": "major_outage"})
    assert lines[-1] == "Readers will see: Major outage"


def test_past_incident_leaves_what_readers_see_to_others(publisher: Client, mail: Component) -> None:
    make_incident(title=Text(da="Træg mail", en="Slow mail"), components={mail: DEGRADED})
    lines = outlook(publisher, NEW, mail, phase="resolved", **{f"component-{mail.pk}": "major_outage"})
    assert lines == ["Stays Degraded performance because of “Slow mail”"]


def test_composer_says_nothing_of_components_that_no_other_incident_concerns(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    assert outlook(publisher, incident_page(outage, "update"), mail) == []


def test_composer_names_a_status_set_by_hand_and_every_lesser_cause(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    operations.set_component_status(by=ANYBODY, component=mail, status=PARTIAL)
    assert outlook(publisher, NEW, mail) == [
        "Stays Major outage because of “All mail is down”",
        "Partial outage, set by hand",
    ]


def test_planned_work_says_nothing_of_readers_before_it_begins(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    now = timezone.now()
    work = make_maintenance(start=now + timedelta(hours=1), end=now + timedelta(hours=2), components=(mail,))
    address = incident_page(work, "update")
    assert outlook(publisher, address, mail) == ["Major outage because of “All mail is down”"]
    started = outlook(publisher, f"{address}?phase=in_progress", mail)
    assert started == ["Stays Major outage because of “All mail is down”"]


def test_draft_and_reopening_say_it_too(publisher: Client, mail: Component, outage: Incident) -> None:
    stays = ["Stays Major outage because of “All mail is down”"]
    incident = make_incident(components={mail: DEGRADED})
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(), draft=True)
    assert outlook(publisher, incident_page(incident, "draft", draft.pk), mail) == stays
    make_update(incident, Phase.RESOLVED)
    assert outlook(publisher, f"{incident_page(incident, 'update')}?reopen=1", mail) == stays


def test_title_in_another_language_is_marked(publisher: Client, mail: Component) -> None:
    make_incident(title=Text(da="Al mail er nede"), components={mail: MAJOR})
    assert '“<span lang="da">Al mail er nede</span>' in publisher.get(NEW).content.decode()


@pytest.mark.parametrize("address", [NEW, COMPONENTS])
def test_page_needs_no_more_queries_for_more_components(
    address: str,
    publisher: Client,
    mail: Component,
    outage: Incident,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    publisher.get(address)
    with django_assert_max_num_queries(100) as few:
        publisher.get(address)
    for _ in range(5):
        make_incident(components={make_component(): PARTIAL})
    with django_assert_max_num_queries(len(few.captured_queries)):
        publisher.get(address)


def test_resolving_says_which_components_stay_affected_and_why(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    web = make_component("web", name=Text(da="Web", en="Web"))
    incident = make_incident(components={mail: DEGRADED, web: DEGRADED})
    messages = said(publisher, f"{incident_page(incident, 'update')}?phase=resolved", text_da="Løst")
    assert "Mail stays Major outage because of “All mail is down”." in messages
    assert not [message for message in messages if "Web" in message]


def test_resolving_says_which_components_stay_affected_by_a_status_set_by_hand(
    publisher: Client, mail: Component
) -> None:
    web = make_component("web", name=Text(da="Web", en="Web"))
    incident = make_incident(components={mail: DEGRADED, web: DEGRADED})
    for component in (mail, web):
        operations.set_component_status(by=ANYBODY, component=component, status=PARTIAL)
    messages = said(publisher, f"{incident_page(incident, 'update')}?phase=resolved", text_da="Løst")
    assert "Mail and Web stay Partial outage, set by hand." in messages


def test_update_says_that_a_component_stays_worse_than_what_it_says(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    typed = {"title_da": "Træg", "text_da": "Tekst", f"component-{mail.pk}": "degraded_performance"}
    assert "Mail stays Major outage because of “All mail is down”." in said(publisher, NEW, **typed)
    worst = {**typed, f"component-{mail.pk}": "major_outage"}
    assert not [message for message in said(publisher, NEW, **worst) if "stays" in message]


def test_announcing_planned_work_says_nothing_of_components(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    now = timezone.now()
    work = make_maintenance(start=now + timedelta(hours=1), end=now + timedelta(hours=2), components=(mail,))
    messages = said(publisher, incident_page(work, "update"), text_da="Husk det")
    assert not [message for message in messages if "stays" in message]


def test_withdrawing_says_which_components_change_and_to_what(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    web, dns = make_component("web", name=Text(en="Web")), make_component("dns", name=Text(en="DNS"))
    incident = make_incident(components={mail: MAJOR, web: PARTIAL, dns: OPERATIONAL})
    response = publisher.get(incident_page(incident, "withdraw"))
    lines = [strip_tags(line) for line in response.context["changes"]]
    assert lines == [
        "Mail stays Major outage because of “All mail is down”.",
        "Web: Partial outage → Operational",
    ]
    operations.withdraw(by=ANYBODY, incident=outage)
    response = publisher.get(incident_page(incident, "withdraw"))
    assert strip_tags(response.context["changes"][0]) == "Mail: Major outage → Operational"


def test_withdrawing_an_incident_that_is_over_changes_no_status(publisher: Client, mail: Component) -> None:
    incident = make_incident(components={mail: MAJOR})
    make_update(incident, Phase.RESOLVED)
    assert "No component has another status now" in publisher.get(incident_page(incident, "withdraw")).content.decode()


def set_by_hand(client: Client, status: ComponentStatus, *components: Component) -> list[str]:
    selected = [component.pk for component in components]
    chosen = {"action": f"set_{status}", "confirmed": "yes", "_selected_action": selected}
    response = client.post(COMPONENTS, chosen, follow=True)
    return [strip_tags(str(message)) for message in response.context["messages"]]


def test_status_set_by_hand_says_which_components_stay_worse_and_notes_the_author(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    messages = set_by_hand(publisher, OPERATIONAL, mail, make_component("web"))
    assert messages == [
        "2 components changed. Only webhooks are notified.",
        "Mail stays Major outage because of “All mail is down”.",
    ]
    assert {row.author for row in ManualStatus.objects.all()} == {User.objects.get()}


def test_status_set_in_a_list_filtered_by_status_counts_every_component(publisher: Client, mail: Component) -> None:
    chosen = {"action": "set_major_outage", "confirmed": "yes", "_selected_action": [mail.pk]}
    response = publisher.post(f"{COMPONENTS}?status__exact=operational", chosen, follow=True)
    assert [str(one) for one in response.context["messages"]] == ["1 component changed. Only webhooks are notified."]


def test_list_of_components_names_the_causes_of_each_status(
    publisher: Client, mail: Component, outage: Incident
) -> None:
    web, dns = make_component("web"), make_component("dns")
    operations.set_component_status(by=ANYBODY, component=web, status=PARTIAL)
    rows = {one.pk: one.reason for one in publisher.get(COMPONENTS).context["cl"].result_list}
    assert strip_tags(rows[mail.pk].causes) == "“All mail is down”"
    assert str(rows[web.pk].causes) == "set by hand"
    assert rows[dns.pk] is None
    assert reverse("admin:incidents_incident_change", args=[outage.pk]) in publisher.get(COMPONENTS).content.decode()
