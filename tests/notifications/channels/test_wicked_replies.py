"""A kept corpus of replies of mail servers: each ends in a typed error or a reply, and the next message is sent."""

import asyncio
from collections.abc import Iterator

import pytest
from django.test import override_settings
from pytest_django import Settings

from incidents.notifications.channels.base import ChannelError, Reply
from incidents.notifications.channels.email import EmailChannel
from tests.support import wicked_replies
from tests.support.conversations import listening
from tests.support.hostile_mail_server import STAGES, HostileServer, Said

CONTENT = b"Subject: x\r\n\r\nx\r\n"


@pytest.fixture
def hostile(settings: Settings) -> Iterator[HostileServer]:
    server = HostileServer()
    settings.EMAIL_HOST, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "127.0.0.1", "søren", "blåbær"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    with listening(server.talk) as settings.EMAIL_PORT:
        yield server


async def sent(channel: EmailChannel, recipient: str) -> Reply | ChannelError:
    try:
        return await channel.deliver("status@example.dk", recipient, CONTENT)
    except ChannelError as error:
        return error


async def conversation(
    hostile: HostileServer, stage: str, said: Said, seconds: float
) -> tuple[Reply | ChannelError, list[Reply | ChannelError]]:
    """Return the result of the message that the script is for, and those of the two after it."""
    hostile.script, hostile.taken = wicked_replies.script(stage, said), []
    with override_settings(EMAIL_USE_TLS=stage == "STARTTLS", EMAIL_TIMEOUT=seconds):
        channel = EmailChannel()
        first = await sent(channel, "karen@a.example")
    if stage == "STARTTLS":  # this server has no TLS
        channel = EmailChannel()
    if stage == "QUIT":
        channel.close()
    others = [await sent(channel, recipient) for recipient in ("ida@b.example", "jens@c.example")]
    channel.close()
    return first, others


def assert_next_is_sent(hostile: HostileServer, name: str, stage: str, said: Said, seconds: float = 20) -> None:
    first, (second, third) = asyncio.run(conversation(hostile, stage, said, seconds))
    reply = first if isinstance(first, Reply) else first.reply
    assert str(reply).isprintable(), name
    assert len(reply.text) <= 500
    assert isinstance(third, Reply), (name, second, third)
    assert isinstance(second, Reply) or second.reply.code // 100 != 5, (name, second)
    assert "jens@c.example" in hostile.taken, name


@pytest.mark.parametrize("stage", STAGES)
def test_message_after_a_wicked_reply_is_sent(hostile: HostileServer, stage: str) -> None:
    for name, said in wicked_replies.of_stage(stage).items():
        assert_next_is_sent(hostile, name, stage, said)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "QUIT"])
def test_message_after_a_silence_is_sent(hostile: HostileServer, stage: str) -> None:
    assert_next_is_sent(hostile, "silent", stage, wicked_replies.SILENT, seconds=0.3)


def test_corpus_is_large() -> None:
    assert sum(len(wicked_replies.of_stage(stage)) for stage in STAGES) >= 200
