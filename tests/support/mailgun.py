"""Mailgun as the mail provider of a test: its settings and the URL that it calls."""

from django.urls import URLPattern
from pytest_django import Settings

from incidents.subscriptions import provider

KEY = "key-of-mailgun"
LOGIN = "mailgun:secret"
urlpatterns: list[URLPattern] = []


def use(settings: Settings) -> None:
    """Configure the provider, and serve nothing but its URL."""
    settings.MAIL_PROVIDER, settings.MAIL_PROVIDER_VIEW = "mailgun", "MailgunTrackingWebhookView"
    settings.ANYMAIL = {"WEBHOOK_SECRET": LOGIN, "MAILGUN_WEBHOOK_SIGNING_KEY": KEY}
    urlpatterns[:] = provider.urls()
    settings.ROOT_URLCONF = __name__
    settings.ANNOUNCEMENT_HOLD = 0
