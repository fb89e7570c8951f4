"""`manage.py check_mail`: checks whether other mail servers can trust ours."""

from argparse import ArgumentParser
from typing import Any

import dns.resolver
from django.core.management.base import BaseCommand, CommandError

from incidents.notifications import deliverability
from incidents.notifications.deliverability import MailSender, Verdict


class Command(BaseCommand):
    help = (
        "Checks SPF, DKIM, DMARC and reverse DNS of the sender, and connects to the mail server. Prints each result "
        "and how to fix problems; exits with 1 if there are any. Sends no email."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--selector", default="", help="The DKIM selector of your mail server.")
        parser.add_argument(
            "--ip",
            action="append",
            help="An address that mail is sent from; may be repeated. Default: the addresses of the mail server.",
        )
        parser.add_argument("--name-server", help="Use this name server, ADDRESS or ADDRESS:PORT.")

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
        if problems := found.count(Verdict.FAIL):
            noun = "problem" if problems == 1 else "problems"
            raise CommandError(f"{problems} {noun}. See docs/mail.md.")


def _resolver(name_server: str | None) -> dns.resolver.Resolver:
    try:
        return deliverability.resolver_of(name_server)
    except dns.resolver.NoResolverConfiguration as error:
        raise CommandError("No name server is configured on this machine: use --name-server.") from error
