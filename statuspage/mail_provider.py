"""The settings of an email provider that reports bounces by webhook; see docs/delivery.md."""

import importlib.util
from typing import NamedTuple

from statuspage.env import Environment

# Providers that accept mail by SMTP, and the view of django-anymail that reads their events.
_VIEWS = {
    "brevo": "BrevoTrackingWebhookView",
    "mailgun": "MailgunTrackingWebhookView",
    "mailjet": "MailjetTrackingWebhookView",
    "postmark": "PostmarkTrackingWebhookView",
    "sendgrid": "SendGridTrackingWebhookView",
    "sparkpost": "SparkPostTrackingWebhookView",
}


class MailProvider(NamedTuple):
    """`view` is the class name in anymail.webhooks, `anymail` is for the setting ANYMAIL."""

    name: str
    view: str
    anymail: dict[str, str]


def read_mail_provider(env: Environment) -> MailProvider:
    """Return empty values if no provider is named."""
    name = env.choice("MAIL_PROVIDER", "", ["", *_VIEWS])
    secret, key = env.text("MAIL_PROVIDER_SECRET"), env.text("MAIL_PROVIDER_KEY")
    if not name:
        return MailProvider("", "", {})
    if importlib.util.find_spec("anymail") is None:
        raise env.refusal("MAIL_PROVIDER", name, "install django-anymail first, or remove the variable")
    if not all(secret.partition(":")):
        hint = "write the user name and password with which the provider calls us, name:password"
        raise env.refusal("MAIL_PROVIDER_SECRET", "…" if secret else "", hint)
    if name == "mailgun" and not key:
        raise env.refusal("MAIL_PROVIDER_KEY", key, "write the HTTP webhook signing key that Mailgun shows you")
    anymail = {"WEBHOOK_SECRET": secret, "MAILGUN_WEBHOOK_SIGNING_KEY": key}
    return MailProvider(name, _VIEWS[name], anymail)
