"""Deliveries, bounces and the trust of other mail servers."""

from datetime import timedelta

import dns.resolver
from django.conf import settings
from django.utils import timezone

from ..models import Bounce, DeliveryState
from ..notifications import deliverability
from ..notifications.addressing import relay_name
from ..notifications.deliverability import MailSender, Verdict
from ..notifications.monitoring import overview, progress
from .base import CheckResult, fail, many, ok, span, warn

LATE = timedelta(hours=1)  # as the alert StatusPageDeliveriesLate
MANY_BOUNCES, BOUNCE_WINDOW = 50, timedelta(hours=6)  # as the alert StatusPageBounces
_LASTING = [
    Bounce.Consequence.SUSPENDED,
    Bounce.Consequence.GIVEN_UP,
    Bounce.Consequence.POLICY,
    Bounce.Consequence.COMPLAINED,
]
_LOOK = "Run `manage.py deliveries`, which names destinations and replies."
_DNS_TIMEOUT = 3  # seconds


def deliveries_progress() -> CheckResult:
    """Name no recipient domain: with few subscribers it may name a person."""
    now = timezone.now()
    failing = {one.destination.name for one in overview.failing_destinations()}
    if relay_name() in failing:
        return fail("our mail server does not accept mail", "Run `manage.py check_mail`, and look at its log.")
    running = progress.progress_of(progress.in_progress()[: overview.MAX_SHOWN], now)
    oldest = progress.oldest_waiting(running)
    if oldest and now - oldest > LATE:
        return warn(f"an announcement has waited for {span(now - oldest)}", _LOOK)
    if failing:
        return warn(f"{many(len(failing), 'destination')} failing", _LOOK)
    if uncertain := sum(one.counts[DeliveryState.UNCERTAIN] for one in running):
        return warn(f"{many(uncertain, 'message')} that may or may not have been sent", _LOOK)
    return ok(f"{sum(one.waiting for one in running)} waiting, no destination fails")


def bounces_are_few() -> CheckResult:
    now = timezone.now()
    if rejected := overview.rejected_by_policy(now):
        advice = "Run `manage.py check_mail`, and check whether the sender is on a block list."
        return warn(f"{rejected} rejected by policy in the last day", advice)
    lasting = Bounce.objects.filter(received_at__gte=now - BOUNCE_WINDOW, consequence__in=_LASTING).count()
    if lasting > MANY_BOUNCES:
        return warn(f"{lasting} bounced for good in six hours", "Read the bounces in the newsroom.")
    if not (settings.BOUNCE_ADDRESS or settings.MAIL_PROVIDER):
        return warn("returned mail is not read", "Set BOUNCE_ADDRESS or MAIL_PROVIDER (docs/delivery.md#bounces).")
    return ok(f"{lasting} bounced for good in six hours")


def sender_is_trusted() -> CheckResult:
    """Do what `manage.py check_mail` does without options."""
    domain = deliverability.sender_domain()
    if "." not in domain:
        return warn(f"{domain} is no domain of the internet", "Set DEFAULT_FROM_EMAIL (docs/mail.md).")
    try:
        resolver = deliverability.resolver_of(lifetime=_DNS_TIMEOUT)
    except dns.resolver.NoResolverConfiguration:
        return fail("no name server is configured on this machine", "Write one into /etc/resolv.conf.")
    addresses = deliverability.relay_addresses()
    unknown = {"DKIM"} if addresses else {"DKIM", "PTR"}  # they need --selector and --ip of the command
    found = deliverability.findings(MailSender(domain, "", addresses, resolver))
    known = [one for one in found if one.name not in unknown]
    bad = sorted((one for one in known if one.verdict != Verdict.OK), key=lambda one: one.verdict)  # FAIL first
    if not bad:
        return ok(", ".join(dict.fromkeys(one.name for one in known)))
    return CheckResult(
        bad[0].verdict, "; ".join(f"{one.name}: {one.found}" for one in bad), "Run `manage.py check_mail`."
    )
