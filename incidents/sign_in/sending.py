"""Sends an email to a member of staff about their account."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage, get_connection

logger = logging.getLogger(__name__)

# The person waits for the answer of the page while it is sent.
_TIMEOUT = 10  # seconds


def send(*, account: str, addresses: Sequence[str], subject: str, body: str) -> None:
    """Send it to each address. A failure is logged and stops nothing: what it is about was done."""
    headers = {"Auto-Submitted": "auto-generated"}
    try:
        with get_connection(timeout=_TIMEOUT) as connection:
            for address in addresses:
                EmailMessage(subject, body, to=[address], connection=connection, headers=headers).send()
    except OSError:  # smtplib's errors are among them
        logger.exception("An email about the account of %s could not be sent", account)
