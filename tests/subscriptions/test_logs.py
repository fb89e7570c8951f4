"""No logger writes an address or a token during a subscription's whole lifecycle (STANDARDS P8)."""

import logging
from collections.abc import Iterator

import pytest

from harness.smtp_server import ScriptedServer
from incidents import scheduler
from incidents.models import Subscriber
from incidents.notifications import jobs
from statuspage.logs import RedactingFormatter
from tests.subscriptions.visitor import Visitor, confirmation_token, manage_token, unsubscribe_token

# As in the settings.
QUIET = {"django.template", "django.db.backends"}

pytestmark = pytest.mark.django_db(transaction=True)


class Log(logging.Handler):
    """Collects everything that any logger writes, formatted as for the console."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(RedactingFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    """Set every logger to DEBUG, except those that the settings keep at INFO."""
    handler, root = Log(), logging.getLogger()
    level, levels = root.level, {}
    for name in ("", *root.manager.loggerDict):
        logger = logging.getLogger(name)
        levels[logger] = (logger.level, logger.propagate, logger.disabled)
        logger.propagate, logger.disabled = True, False
        logger.setLevel("INFO" if name in QUIET else "DEBUG")
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for logger, (before, propagate, disabled) in levels.items():
        logger.setLevel(before)
        logger.propagate, logger.disabled = propagate, disabled
    root.setLevel(level)


def test_no_address_and_no_token_is_in_any_log(ben: Visitor, smtp: ScriptedServer, log: Log) -> None:
    ben.sign_up("somebody.rare@example.dk")
    subscriber = Subscriber.objects.get()
    tokens = [confirmation_token(subscriber), manage_token(subscriber), unsubscribe_token(subscriber)]
    jobs.send_messages()
    ben.confirm(subscriber)
    ben.post(ben.page("request_manage_link"), {"address": "somebody.rare@example.dk"})
    jobs.send_messages()
    manage, leave = tokens[1:]
    pages = {"manage": manage, "data": manage, "erase": manage, "unsubscribe": leave}
    for name, token in {**pages, "subscribe_again": leave, "connect_again": leave, "new_manage_link": leave}.items():
        ben.get(ben.page(name, token))
        ben.get(ben.page(name, f"{token}x"))
    ben.post(ben.page("unsubscribe", tokens[2]))
    ben.post(ben.page("erase", tokens[1]))
    ben.get(ben.page("manage", tokens[1]))
    scheduler.forget_sign_ups()
    assert len(smtp.to("somebody.rare@example.dk")) == 2
    output = "\n".join(log.lines)
    assert "Gone: /en/subscription/manage/…/" in output  # the handler did collect
    assert "somebody.rare" not in output
    assert not [token for token in tokens if token in output]
