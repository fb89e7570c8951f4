"""The incoming webhook of the team's own chat, which gets the alerts."""

from django.core.exceptions import ImproperlyConfigured

from statuspage.env import WEB_ADDRESS, Environment


def read_alert_webhook(env: Environment) -> tuple[str, str]:
    """Return the address, empty if there is none, and the format. The address is a secret: no error repeats it."""
    address = env.text("ALERT_WEBHOOK_URL")
    if address and not WEB_ADDRESS.fullmatch(address):
        raise ImproperlyConfigured("ALERT_WEBHOOK_URL is no address of the web: write all of it, https:// included.")
    return address, env.choice("ALERT_WEBHOOK_FORMAT", "slack", ["slack", "teams", "json"])
