"""Whether other servers will trust our mail: SPF, DKIM, DMARC, PTR and TLS of the configured sender.

What receivers with many mailboxes ask of whoever sends in bulk (STANDARDS 1.1). Each
check answers with what was found and, where it is wrong, what to mend.
"""

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.resolver
import dns.reversename

from .addressing import relay_name
from .channels.email import sender_address
from .channels.smtp import Relay, SmtpConnection, SmtpError

# Terms of an SPF record that name addresses which stand elsewhere.
_ELSEWHERE = ("include:", "a", "mx", "exists:", "redirect=")


class Verdict(StrEnum):
    GOOD = "ok"
    DOUBTFUL = "look"
    BAD = "MEND"


@dataclass(frozen=True)
class Finding:
    """`name` is what was looked at; `mend` is empty where nothing is to be done."""

    verdict: Verdict
    name: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:5}{self.name}: {self.found}" + (f"\n     → {self.mend}" if self.mend else "")


@dataclass
class MailSender:
    """Who sends, and from where: `addresses` are the IP addresses that the mail leaves from, as far as is known."""

    domain: str
    selector: str
    addresses: list[str]
    resolver: dns.resolver.Resolver

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name; none where there is no such name. Raises DNSException if no server answers."""
        try:
            answer = self.resolver.resolve(name, "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [b"".join(record.strings).decode(errors="replace") for record in answer]


def findings(sender: MailSender) -> Iterator[Finding]:
    for check in (spf, dkim, dmarc, reverse_names):
        try:
            yield from check(sender)
        except dns.exception.DNSException as error:
            yield Finding(Verdict.BAD, check.__name__.upper(), f"no name server answered: {error}", "Try again later.")
    yield tls()


def spf(sender: MailSender) -> Iterator[Finding]:
    """RFC 7208: one record, that ends by saying what becomes of everybody else."""
    records = [text for text in sender.texts(sender.domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        listed = " ".join(f"ip{ipaddress.ip_address(one).version}:{one}" for one in sender.addresses) or "mx"
        yield Finding(Verdict.BAD, "SPF", "no record", f'Add TXT at {sender.domain}: "v=spf1 {listed} -all"')
        return
    if len(records) > 1:
        yield Finding(Verdict.BAD, "SPF", f"{len(records)} records", "Keep one: more than one count as none (§4.5).")
        return
    terms = records[0].lower().split()
    if "+all" in terms or "all" in terms:
        yield Finding(Verdict.BAD, "SPF", records[0], "It lets everybody send in your name: end it with -all.")
    elif not any(term in {"-all", "~all"} or term.startswith("redirect=") for term in terms):
        yield Finding(Verdict.DOUBTFUL, "SPF", records[0], "End it with -all or ~all.")
    else:
        yield Finding(Verdict.GOOD, "SPF", records[0])
    missing = [address for address in sender.addresses if not _listed(address, terms)]
    if missing and not any(term.lstrip("+").startswith(_ELSEWHERE) for term in terms):
        yield Finding(Verdict.BAD, "SPF", f"does not name {', '.join(missing)}", "Add ip4: or ip6: with this address.")


def dkim(sender: MailSender) -> Iterator[Finding]:
    """RFC 6376: a key under the selector. What is signed with it only a mail that was sent can show."""
    if not sender.selector:
        yield Finding(
            Verdict.DOUBTFUL, "DKIM", "no selector was named", "Run again with --selector: the name of the key you use."
        )
        return
    name = f"{sender.selector}._domainkey.{sender.domain}"
    keys = [text for text in sender.texts(name) if "p=" in text]
    if not keys:
        yield Finding(Verdict.BAD, "DKIM", f"no key at {name}", "Publish the key that your mail server signs with.")
        return
    tags = _tags(keys[0])
    if not tags.get("p"):
        yield Finding(Verdict.BAD, "DKIM", f"the key at {name} is withdrawn (p= is empty)", "Sign with another key.")
    elif tags.get("k", "rsa") == "rsa" and len(tags["p"]) < 300:
        yield Finding(Verdict.BAD, "DKIM", f"the key at {name} is short", "Use 2048 bits: many ignore shorter keys.")
    else:
        yield Finding(Verdict.GOOD, "DKIM", f"a key at {name}")


def dmarc(sender: MailSender) -> Iterator[Finding]:
    """RFC 7489: at the domain of From, or at the one that it belongs to."""
    names = [sender.domain, ".".join(sender.domain.split(".")[-2:])]
    for name in dict.fromkeys(names):
        records = [text for text in sender.texts(f"_dmarc.{name}") if text.lower().startswith("v=dmarc1")]
        if records:
            policy = _tags(records[0]).get("p", "")
            known = policy.lower() in {"none", "quarantine", "reject"}
            mend = "" if known else "Write p=none, p=quarantine or p=reject."
            yield Finding(Verdict.GOOD if known else Verdict.BAD, "DMARC", records[0], mend)
            return
    wanted = f'Add TXT at _dmarc.{sender.domain}: "v=DMARC1; p=none; rua=mailto:postmaster@{sender.domain}"'
    yield Finding(Verdict.BAD, "DMARC", "no record", wanted)


def reverse_names(sender: MailSender) -> Iterator[Finding]:
    """The address that sends has a name, and the name has the address."""
    if not sender.addresses:
        yield Finding(
            Verdict.DOUBTFUL, "PTR", "the address that mail leaves from is not known", "Run again with --ip ADDRESS."
        )
    for address in sender.addresses:
        try:
            names = [str(record) for record in sender.resolver.resolve(dns.reversename.from_address(address), "PTR")]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            names = []
        if not names:
            yield Finding(Verdict.BAD, "PTR", f"{address} has no name", "Ask whoever gave you the address to set one.")
        elif any(address in _addresses(sender.resolver, name, address) for name in names):
            yield Finding(Verdict.GOOD, "PTR", f"{address} is {names[0]}")
        else:
            yield Finding(
                Verdict.BAD, "PTR", f"{address} is {names[0]}, which has another address", "Make the two agree."
            )


def tls() -> Finding:
    """The mail server takes us in with STARTTLS or TLS and a certificate that holds, if we are told to ask for it."""
    relay = Relay.configured()
    connection = SmtpConnection(relay)
    try:
        connection.open()
    except SmtpError as error:
        said = f"{relay_name()}: {error.reply}"
        return Finding(Verdict.BAD, "TLS", said, "Look at EMAIL_URL and at the mail server.")
    connection.close()
    if relay.starttls or relay.implicit_tls:
        return Finding(Verdict.GOOD, "TLS", f"{relay_name()} answers over TLS")
    if relay.host in {"localhost", "127.0.0.1", "::1"}:
        return Finding(Verdict.GOOD, "TLS", f"{relay_name()} is this machine: see that it sends on with TLS")
    return Finding(Verdict.BAD, "TLS", f"{relay_name()} without TLS", "Write smtp+tls:// or smtps:// in EMAIL_URL.")


def sender_domain() -> str:
    return sender_address().rpartition("@")[2].lower()


def relay_addresses() -> list[str]:
    """The public addresses of the configured mail server: those it sends from, where it sends by itself."""
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
    """`v=DMARC1; p=none` as a mapping; spaces do not count in a key."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _sign, value in pairs if name.strip()}
