"""Domains with the same mail servers are one destination. A name server of the test answers for them."""

from collections.abc import Iterator
from datetime import timedelta

import dns.asyncresolver
import pytest
import time_machine
from django.utils import timezone
from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSServer
from pytest_django import Settings

from harness.busy_day import simulate_busy_day
from harness.deliveries import deliver_due
from harness.ports import free_port
from harness.smtp_server import ScriptedServer
from incidents.models import Delivery, Destination, MailDomain, Subscriber
from incidents.notifications import outbox
from incidents.notifications.ledger import mx
from tests.factories import make_subscriber
from tests.notifications.helpers import START, announced, states

pytestmark = pytest.mark.django_db

BUSY = "451 4.7.500 Server busy"
MICROSOFT = ("hansen.example", "jensen.example", "nielsen.example")
GROUP = "mail.protection.outlook.example"


class NameServer(BaseResolver):  # type: ignore[misc]
    """`servers` maps a domain to its MX records, such as `10 mx.example`; other domains have none."""

    def __init__(self) -> None:
        self.servers: dict[str, list[str]] = {}
        self.fails = False
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, _handler: object) -> DNSRecord:
        name = str(request.q.qname).rstrip(".")
        self.asked.append(name)
        reply = request.reply()
        if self.fails:
            reply.header.rcode = RCODE.SERVFAIL
        for server in self.servers.get(name, []) if request.q.qtype == QTYPE.MX else []:
            reply.add_answer(*RR.fromZone(f"{name}. MX {server}."))
        return reply


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[NameServer, int]]:
    answers, port = NameServer(), free_port()
    server = DNSServer(answers, port=port, address="127.0.0.1", logger=_Silent())
    server.start_thread()
    yield answers, port
    server.stop()
    server.server.server_close()


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_said: None


@pytest.fixture
def names(running: tuple[NameServer, int], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    settings.GROUP_BY_MX = True
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], running[1]
    monkeypatch.setattr(mx, "_resolver", lambda: resolver)
    answers = running[0]
    answers.servers = {name: [f"10 {name.replace('.', '-')}.{GROUP}", "20 other.example"] for name in MICROSOFT}
    answers.fails, answers.asked = False, []
    return answers


def test_domains_with_the_same_servers_share_one_backoff_and_one_probe(
    names: NameServer, server: ScriptedServer
) -> None:
    for domain in (*MICROSOFT, "fine.example"):
        for number in range(10):
            make_subscriber(f"reader{number}@{domain}")
    mx.look_up(timezone.now())
    announced()
    server.says = lambda stage, to: BUSY if stage == "DOT" and to.endswith(MICROSOFT) else None
    deliver_due()
    assert [server.count_attempts("DOT", domain) for domain in MICROSOFT].count(0) == 2
    assert server.count_attempts("DOT") == 11
    assert states(destination="fine.example") == {"sent": 10}
    assert [failing.name for failing in Destination.objects.in_trouble()] == [GROUP]


def test_a_day_of_server_busy_takes_fourteen_probes_for_all_domains_of_one_provider(
    names: NameServer, server: ScriptedServer
) -> None:
    for domain in MICROSOFT:
        for number in range(4):
            make_subscriber(f"reader{number}@{domain}")
    with time_machine.travel(START, tick=False) as clock:
        mx.look_up(timezone.now())
        seen = simulate_busy_day(server, clock)
    assert seen.probes <= 14
    assert seen.messages == dict.fromkeys(Subscriber.objects.values_list("address", flat=True), 1)
    assert seen.outdated == 0


def test_waiting_deliveries_move_to_the_group_once_it_is_known(names: NameServer, server: ScriptedServer) -> None:
    for domain in MICROSOFT:
        make_subscriber(f"reader@{domain}")
    announced()
    server.says = lambda stage, _to: BUSY if stage == "DOT" else None
    deliver_due()
    assert Destination.objects.in_trouble().count() == 3
    mx.look_up(timezone.now())
    assert set(Delivery.objects.values_list("destination", flat=True)) == {GROUP}
    assert not Destination.objects.in_trouble().exists()


def test_failed_lookup_delays_no_message_and_is_retried_after_an_hour(
    names: NameServer, server: ScriptedServer
) -> None:
    reader = make_subscriber("reader@hansen.example")
    names.fails = True
    mx.look_up(timezone.now())
    announced()
    deliver_due()
    assert states(destination="hansen.example") == {"sent": 1}
    names.fails = False
    mx.look_up(timezone.now() + timedelta(minutes=59))
    assert outbox.queue_message(reader, "manage").destination == "hansen.example"
    mx.look_up(timezone.now() + timedelta(minutes=61))
    assert outbox.queue_message(reader, "manage").destination == GROUP


def test_domain_is_looked_up_once_a_week_and_deleted_with_its_last_subscriber(names: NameServer) -> None:
    reader = make_subscriber("reader@hansen.example")
    now = timezone.now()
    for day in (0, 0, 3, 8):
        mx.look_up(now + timedelta(days=day))
    assert names.asked == ["hansen.example"] * 2
    Subscriber.objects.filter(pk=reader.pk).update(state="unsubscribed")
    mx.look_up(now + timedelta(days=30))
    assert not MailDomain.objects.exists()


def test_without_the_setting_each_domain_is_a_destination_of_its_own(names: NameServer, settings: Settings) -> None:
    settings.GROUP_BY_MX = False
    reader = make_subscriber("reader@hansen.example")
    MailDomain.objects.create(name="hansen.example", group=GROUP, known_at=timezone.now())
    announced()
    outbox.queue_message(reader, "manage")
    assert set(Delivery.objects.values_list("destination", flat=True)) == {"hansen.example"}


@pytest.mark.parametrize(
    ("servers", "group"),
    [
        (["b.example.dk.", "a.example.dk."], "a.example.dk"),
        (["example-dk.mail.protection.outlook.com."], "mail.protection.outlook.com"),
        (["ASPMX.L.GOOGLE.COM."], "l.google.com"),
        (["mx.example.co.uk."], "example.co.uk"),
        (["."], ""),
        ([], ""),
    ],
)
def test_group_has_the_name_that_its_servers_have_in_common(servers: list[str], group: str) -> None:
    assert mx.mx_group(servers) == group
