"""`check_mail` against a name server and a mail server of the test."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from dnslib import QTYPE, RR
from dnslib.server import DNSServer
from dnslib.zoneresolver import ZoneResolver
from pytest_django import Settings

from harness.ports import free_port
from harness.smtp_server import ScriptedServer

KEY = "A" * 392
GOOD = {
    "spf": 'example.dk. TXT "v=spf1 ip4:192.0.2.0/24 -all"',
    "dkim": f'mail._domainkey.example.dk. TXT "v=DKIM1; k=rsa; p={KEY[:200]}" "{KEY[200:]}"',
    "dmarc": '_dmarc.example.dk. TXT "v=DMARC1; p=none"',
    "ptr": "7.2.0.192.in-addr.arpa. PTR mail.example.dk.",
    "a": "mail.example.dk. A 192.0.2.7",
}


class Zone(ZoneResolver):  # type: ignore[misc]
    """Answers with the records that were set last."""

    def __init__(self) -> None:
        super().__init__("example.dk. TXT x")

    def set(self, **records: str) -> None:
        all_records = {**GOOD, **records}
        found = RR.fromZone("\n".join(all_records.values()))
        self.zone = [(record.rname, str(QTYPE[record.rtype]), record) for record in found]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Zone, str]]:
    zone, port = Zone(), free_port()
    running = DNSServer(zone, port=port, address="127.0.0.1", logger=_Silent())
    running.start_thread()
    yield zone, f"127.0.0.1:{port}"
    running.stop()
    running.server.server_close()


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_said: None


@pytest.fixture
def zone(server: tuple[Zone, str], settings: Settings, smtp: ScriptedServer) -> tuple[Zone, str]:
    settings.DEFAULT_FROM_EMAIL = "Nordhost <status@example.dk>"
    return server


def said(name_server: str, *options: str) -> str:
    out = StringIO()
    try:
        call_command("check_mail", "--name-server", name_server, *options, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


def test_correct_sender_passes_every_check(zone: tuple[Zone, str]) -> None:
    zone[0].set()
    answer = said(zone[1], "--ip", "192.0.2.7", "--selector", "mail")
    assert "FAIL" not in answer
    assert "WARN" not in answer
    for name in ("SPF", "DKIM", "DMARC", "PTR", "TLS"):
        assert f"OK   {name}: " in answer


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ({"spf": ""}, 'SPF: no record\n     → Add TXT at example.dk: "v=spf1 ip4:192.0.2.7 -all"'),
        ({"spf": GOOD["spf"] + '\nexample.dk. TXT "v=spf1 -all"'}, "SPF: 2 records"),
        ({"spf": 'example.dk. TXT "v=spf1 +all"'}, "It lets anyone send in your name"),
        ({"spf": 'example.dk. TXT "v=spf1 ip4:198.51.100.1 -all"'}, "SPF: does not name 192.0.2.7"),
        ({"spf": 'example.dk. TXT "v=spf1 ip4:192.0.2.7"'}, "End it with -all or ~all."),
        ({"dkim": ""}, "DKIM: no key at mail._domainkey.example.dk"),
        ({"dkim": 'mail._domainkey.example.dk. TXT "v=DKIM1; p="'}, "is revoked"),
        ({"dkim": 'mail._domainkey.example.dk. TXT "v=DKIM1; p=AAAA"'}, "is too short"),
        ({"dmarc": ""}, "DMARC: no record"),
        ({"dmarc": '_dmarc.example.dk. TXT "v=DMARC1; p=perhaps"'}, "Write p=none"),
        ({"ptr": ""}, "PTR: 192.0.2.7 has no name"),
        ({"a": "mail.example.dk. A 192.0.2.8"}, "which has another address"),
    ],
)
def test_problem_is_reported_with_its_solution(zone: tuple[Zone, str], records: dict[str, str], problem: str) -> None:
    zone[0].set(**records)
    assert problem in said(zone[1], "--ip", "192.0.2.7", "--selector", "mail")


def test_missing_options_are_requested(zone: tuple[Zone, str]) -> None:
    zone[0].set()
    answer = said(zone[1])
    assert "Run again with --selector" in answer
    assert "Run again with --ip" in answer


def test_mail_server_that_does_not_answer_is_reported(zone: tuple[Zone, str], settings: Settings) -> None:
    settings.EMAIL_PORT = free_port()
    zone[0].set()
    answer = said(zone[1], "--ip", "192.0.2.7", "--selector", "mail")
    assert "FAIL TLS: 127.0.0.1:" in answer
    assert "1 problem. See docs/mail.md." in answer


def test_missing_smtputf8_is_reported_if_the_setting_needs_it(
    zone: tuple[Zone, str], settings: Settings, smtp: ScriptedServer
) -> None:
    zone[0].set()
    options = ("--ip", "192.0.2.7", "--selector", "mail")
    assert "SMTPUTF8" not in said(zone[1], *options)
    settings.EMAIL_SMTPUTF8 = True
    assert "OK   SMTPUTF8: 127.0.0.1" in said(zone[1], *options)
    smtp.extensions = ("PIPELINING", "8BITMIME")
    answer = said(zone[1], *options)
    assert "FAIL SMTPUTF8: 127.0.0.1" in answer
    assert "EMAIL_SMTPUTF8=0" in answer
    assert "1 problem. See docs/mail.md." in answer
