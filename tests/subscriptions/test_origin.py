from ipaddress import ip_network

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from incidents.models import Subscriber
from incidents.subscriptions.origin import UNKNOWN, is_from_another_site, network
from tests.subscriptions.visitor import Visitor, text

OWN, OTHER = "http://testserver", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, False),  # from a page with Referrer-Policy: no-referrer
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": OWN}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, True),
        ({"Origin": OWN}, False),
        ({"Origin": "https://status.example.dk"}, False),  # SITE_URL, behind a proxy that changes Host
        ({"Origin": OTHER}, True),
        ({"Origin": "http://testserver.evil.example"}, True),
        ({"Origin": "http://testserver:81"}, True),
        ({"Origin": "http://["}, True),
        ({"Origin": ""}, True),
    ],
)
def test_requests_from_other_sites_are_recognised(headers: dict[str, str], foreign: bool) -> None:
    assert is_from_another_site(RequestFactory().post("/da/subscribe/", headers=headers)) is foreign


@pytest.mark.django_db
def test_form_sent_by_another_site_is_shown_again_and_not_accepted(ben: Visitor) -> None:
    filled = {"address": "anna@example.dk", "wants_incidents": "on", "stamp": ben.stamp()}
    answer = ben.post(ben.page("subscribe"), filled, HTTP_ORIGIN=OTHER)
    assert answer.status_code == 403
    assert "another website sent this form" in text(answer)
    assert 'value="anna@example.dk"' in answer.content.decode()
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:7:8::1", "2001:db8:7::/48"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", UNKNOWN),  # a Unix socket
        ("unix:", UNKNOWN),
    ],
)
def test_network_is_a_prefix(address: str, found: str) -> None:
    assert network(RequestFactory(REMOTE_ADDR=address).get("/")) == found


def test_only_our_own_proxies_are_trusted(settings: Settings) -> None:
    forwarded = RequestFactory(REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.9:4711").get("/")
    assert network(forwarded) == "192.0.2.0/24"
    settings.TRUSTED_PROXIES = [ip_network("192.0.2.7")]
    assert network(forwarded) == "203.0.113.0/24"
    settings.TRUSTED_PROXIES += [ip_network("203.0.113.0/24")]
    assert network(forwarded) == "198.51.100.0/24"


def test_proxy_on_a_unix_socket_is_trusted_where_it_is_named(settings: Settings) -> None:
    forwarded = RequestFactory(REMOTE_ADDR="", HTTP_FORWARDED='for="[2001:db8:7:8::1]:4711"').get("/")
    assert network(forwarded) == UNKNOWN
    settings.TRUST_UNIX_SOCKET = True
    assert network(forwarded) == "2001:db8:7::/48"
