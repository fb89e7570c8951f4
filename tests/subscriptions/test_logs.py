"""A whole life leaves no address and no key in any log, whoever writes it (STANDARDS P8)."""

import logging
from collections.abc import Iterator

import pytest

from harness.smtp_server import ScriptedServer
from incidents import scheduler
from incidents.models import Subscriber
from incidents.notifications import jobs
from statuspage.logs import RedactingFormatter
from tests.subscriptions.visitor import Visitor, confirmation, manage_link, unsubscription

# As in the settings.
QUIET = {"django.template", "django.db.backends"}

pytestmark = pytest.mark.django_db(transaction=True)


class Log(logging.Handler):
    """Everything that any logger says, as the console gets it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(RedactingFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    """Every logger at its most talkative, but for those that the settings keep from it."""
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


def test_no_address_and_no_key_is_in_any_log(ben: Visitor, smtp: ScriptedServer, log: Log) -> None:
    ben.sign_up("somebody.rare@example.dk")
    subscriber = Subscriber.objects.get()
    keys = [confirmation(subscriber), manage_link(subscriber), unsubscription(subscriber)]
    jobs.deliver(None, 100)
    ben.confirm(subscriber)
    ben.post(ben.page("request_manage_link"), {"address": "somebody.rare@example.dk"})
    jobs.deliver(None, 100)
    for name, key in (("manage", keys[1]), ("data", keys[1]), ("unsubscribe", keys[2]), ("erase", keys[1])):
        ben.get(ben.page(name, key))
        ben.get(ben.page(name, f"{key}x"))
    ben.post(ben.page("unsubscribe", keys[2]))
    ben.post(ben.page("erase", keys[1]))
    ben.get(ben.page("manage", keys[1]))
    scheduler.forget_sign_ups()
    assert len(smtp.to("somebody.rare@example.dk")) == 2
    said = "\n".join(log.lines)
    assert "Gone: /en/subscription/manage/…/" in said  # it was listening
    assert "somebody.rare" not in said
    assert not [key for key in keys if key in said]
