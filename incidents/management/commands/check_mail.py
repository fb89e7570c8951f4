"""`manage.py check_mail`: will other mail servers trust what we send?"""

from argparse import ArgumentParser
from typing import Any

import dns.resolver
from django.core.management.base import BaseCommand, CommandError

from incidents.notifications import deliverability
from incidents.notifications.deliverability import MailSender, Verdict


class Command(BaseCommand):
    help = (
        "Looks up SPF, DKIM, DMARC and the reverse name of the sender in DNS, and connects to the mail server. Says "
        "what was found and what to mend; exits with 1 if something is wrong. Sends no mail."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--selector", default="", help="The DKIM selector that your mail server signs with.")
        parser.add_argument(
            "--ip",
            action="append",
            help="An address that mail leaves from; may be given several times. Without it, the mail server's.",
        )
        parser.add_argument("--name-server", help="Ask this name server (ADDRESS or ADDRESS:PORT), not the machine's.")

    def handle(self, *args: Any, **options: Any) -> None:
        addresses = options["ip"] or deliverability.relay_addresses()
        sender = MailSender(
            deliverability.sender_domain(), options["selector"], addresses, _resolver(options["name_server"])
        )
        self.stdout.write(f"Sender: {sender.domain}, from {', '.join(addresses) or 'an unknown address'}")
        found = []
        for finding in deliverability.findings(sender):
            self.stdout.write(str(finding))
            found.append(finding.verdict)
        if Verdict.BAD in found:
            raise CommandError(f"{found.count(Verdict.BAD)} to mend. docs/mail.md says how.")


def _resolver(name_server: str | None) -> dns.resolver.Resolver:
    try:
        resolver = dns.resolver.Resolver(configure=name_server is None)
    except dns.resolver.NoResolverConfiguration as error:
        raise CommandError("This machine knows no name server: name one with --name-server.") from error
    if name_server:
        address, _colon, port = name_server.partition(":")
        resolver.nameservers, resolver.port = [address], int(port or 53)
    resolver.lifetime = 5
    return resolver
