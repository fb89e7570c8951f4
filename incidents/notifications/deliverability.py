"""Checks SPF, DKIM, DMARC, PTR and TLS of the configured sender.

These are the requirements of large mailbox providers for bulk senders (STANDARDS
1.1). Each check reports what it found and, where needed, how to fix it.
"""

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.resolver
import dns.reversename
from django.conf import settings

from .addressing import relay_name
from .channels.email import sender_address
from .channels.smtp import SmtpConnection
from .channels.smtp_opening import Relay, SmtpError

# Terms of an SPF record whose addresses are in other records.
_ELSEWHERE = ("include:", "a", "mx", "exists:", "redirect=")


class Verdict(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """`name` is the thing checked; `fix` is empty where nothing needs to be done."""

    verdict: Verdict
    name: str
    found: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:5}{self.name}: {self.found}" + (f"\n     → {self.fix}" if self.fix else "")


@dataclass
class MailSender:
    """The sender under test; `addresses` are the known IP addresses that mail is sent from."""

    domain: str
    selector: str
    addresses: list[str]
    resolver: dns.resolver.Resolver

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, none if it does not exist. Raises DNSException if no server answers."""
        try:
            answer = self.resolver.resolve(name, "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [b"".join(record.strings).decode(errors="replace") for record in answer]


def resolver_of(name_server: str | None = None, *, lifetime: float = 5) -> dns.resolver.Resolver:
    """Return a resolver that asks ADDRESS or ADDRESS:PORT, by default as this machine does.

    Raises NoResolverConfiguration. `lifetime` is in seconds, for one question.
    """
    resolver = dns.resolver.Resolver(configure=name_server is None)
    if name_server:
        address, _colon, port = name_server.partition(":")
        resolver.nameservers, resolver.port = [address], int(port or 53)
    resolver.lifetime = lifetime
    return resolver


def findings(sender: MailSender) -> Iterator[Finding]:
    for check in (spf, dkim, dmarc, reverse_names):
        try:
            yield from check(sender)
        except dns.exception.DNSException as error:
            yield Finding(Verdict.FAIL, check.__name__.upper(), f"no name server answered: {error}", "Try again later.")
    yield from mail_server()


def spf(sender: MailSender) -> Iterator[Finding]:
    """RFC 7208: exactly one record, which ends with the rule for all other senders."""
    records = [text for text in sender.texts(sender.domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        listed = " ".join(f"ip{ipaddress.ip_address(one).version}:{one}" for one in sender.addresses) or "mx"
        yield Finding(Verdict.FAIL, "SPF", "no record", f'Add TXT at {sender.domain}: "v=spf1 {listed} -all"')
        return
    if len(records) > 1:
        yield Finding(Verdict.FAIL, "SPF", f"{len(records)} records", "Keep one: several records count as none (§4.5).")
        return
    terms = records[0].lower().split()
    if "+all" in terms or "all" in terms:
        yield Finding(Verdict.FAIL, "SPF", records[0], "It lets anyone send in your name: end it with -all.")
    elif not any(term in {"-all", "~all"} or term.startswith("redirect=") for term in terms):
        yield Finding(Verdict.WARN, "SPF", records[0], "End it with -all or ~all.")
    else:
        yield Finding(Verdict.OK, "SPF", records[0])
    missing = [address for address in sender.addresses if not _listed(address, terms)]
    if missing and not any(term.lstrip("+").startswith(_ELSEWHERE) for term in terms):
        yield Finding(Verdict.FAIL, "SPF", f"does not name {', '.join(missing)}", "Add ip4: or ip6: with this address.")


def dkim(sender: MailSender) -> Iterator[Finding]:
    """RFC 6376: a key under the selector. Whether mail is signed with it can only be seen in mail that was sent."""
    if not sender.selector:
        yield Finding(
            Verdict.WARN, "DKIM", "no selector given", "Run again with --selector and the selector of your key."
        )
        return
    name = f"{sender.selector}._domainkey.{sender.domain}"
    keys = [text for text in sender.texts(name) if "p=" in text]
    if not keys:
        yield Finding(Verdict.FAIL, "DKIM", f"no key at {name}", "Publish the key of your mail server.")
        return
    tags = _tags(keys[0])
    if not tags.get("p"):
        yield Finding(Verdict.FAIL, "DKIM", f"the key at {name} is revoked (p= is empty)", "Sign with another key.")
    elif tags.get("k", "rsa") == "rsa" and len(tags["p"]) < 300:
        yield Finding(
            Verdict.FAIL,
            "DKIM",
            f"the key at {name} is too short",
            "Use 2048 bits: many ignore shorter keys.",
        )
    else:
        yield Finding(Verdict.OK, "DKIM", f"a key at {name}")


def dmarc(sender: MailSender) -> Iterator[Finding]:
    """RFC 7489: at the domain of From, or at its organisational domain."""
    names = [sender.domain, ".".join(sender.domain.split(".")[-2:])]
    for name in dict.fromkeys(names):
        records = [text for text in sender.texts(f"_dmarc.{name}") if text.lower().startswith("v=dmarc1")]
        if records:
            policy = _tags(records[0]).get("p", "")
            known = policy.lower() in {"none", "quarantine", "reject"}
            fix = "" if known else "Write p=none, p=quarantine or p=reject."
            yield Finding(Verdict.OK if known else Verdict.FAIL, "DMARC", records[0], fix)
            return
    wanted = f'Add TXT at _dmarc.{sender.domain}: "v=DMARC1; p=none; rua=mailto:postmaster@{sender.domain}"'
    yield Finding(Verdict.FAIL, "DMARC", "no record", wanted)


def reverse_names(sender: MailSender) -> Iterator[Finding]:
    """Each sending address needs a name, and the name must resolve to the address."""
    if not sender.addresses:
        yield Finding(Verdict.WARN, "PTR", "the sending address is unknown", "Run again with --ip ADDRESS.")
    for address in sender.addresses:
        try:
            names = [str(record) for record in sender.resolver.resolve(dns.reversename.from_address(address), "PTR")]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            names = []
        if not names:
            yield Finding(Verdict.FAIL, "PTR", f"{address} has no name", "Ask the owner of the network to set one.")
        elif any(address in _addresses(sender.resolver, name, address) for name in names):
            yield Finding(Verdict.OK, "PTR", f"{address} is {names[0]}")
        else:
            yield Finding(
                Verdict.FAIL, "PTR", f"{address} is {names[0]}, which has another address", "Make them match."
            )


def mail_server() -> Iterator[Finding]:
    """Connect to the mail server; with STARTTLS or TLS its certificate must be valid."""
    relay = Relay.configured()
    connection = SmtpConnection(relay)
    try:
        connection.open()
    except SmtpError as error:
        reply = f"{relay_name()}: {error.reply}"
        yield Finding(Verdict.FAIL, "TLS", reply, "Check EMAIL_URL and the mail server.")
        return
    offers_utf8 = connection.accepts_utf8_addresses()
    connection.close()
    yield tls(relay)
    if settings.EMAIL_SMTPUTF8:
        yield smtputf8(offers_utf8)


def tls(relay: Relay) -> Finding:
    if relay.starttls or relay.implicit_tls:
        return Finding(Verdict.OK, "TLS", f"{relay_name()} answers over TLS")
    if relay.host in {"localhost", "127.0.0.1", "::1"}:
        return Finding(Verdict.OK, "TLS", f"{relay_name()} is this machine: make sure that it relays with TLS")
    return Finding(Verdict.FAIL, "TLS", f"{relay_name()} without TLS", "Write smtp+tls:// or smtps:// in EMAIL_URL.")


def smtputf8(offered: bool) -> Finding:
    """RFC 6531: needed for addresses that EMAIL_SMTPUTF8 accepts."""
    if offered:
        return Finding(Verdict.OK, "SMTPUTF8", f"{relay_name()} offers it")
    fix = "Turn it on in the mail server (Postfix: smtputf8_enable = yes), or set EMAIL_SMTPUTF8=0."
    return Finding(Verdict.FAIL, "SMTPUTF8", f"{relay_name()} does not offer it, but EMAIL_SMTPUTF8 is set", fix)


def sender_domain() -> str:
    return sender_address().rpartition("@")[2].lower()


def relay_addresses() -> list[str]:
    """Return the mail server's public addresses, from which it sends unless it relays through another server."""
    relay = Relay.configured()
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)}
    except OSError:
        return []
    return sorted(address for address in found if ipaddress.ip_address(address.partition("%")[0]).is_global)


def _addresses(resolver: dns.resolver.Resolver, name: str, like: str) -> list[str]:
    kind = "A" if ipaddress.ip_address(like).version == 4 else "AAAA"
    try:
        return [str(ipaddress.ip_address(str(record))) for record in resolver.resolve(name, kind)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def _listed(address: str, terms: list[str]) -> bool:
    networks = [term.lstrip("+").partition(":")[2] for term in terms if term.lstrip("+").startswith(("ip4:", "ip6:"))]
    try:
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(one, strict=False) for one in networks)
    except ValueError:
        return False


def _tags(record: str) -> dict[str, str]:
    # Parse `v=DMARC1; p=none`; spaces within a value are ignored, as in a DKIM key.
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _equals, value in pairs if name.strip()}
