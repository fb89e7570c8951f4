"""A channel that is aborted while the server does not reply."""

import asyncio
import socket
import threading

import pytest
from pytest_django import Settings

from incidents.notifications.channels.base import Busy, ChannelError, Lost, Scope
from incidents.notifications.channels.email import EmailChannel
from tests.support.conversations import Conversation, listening

OFFER = b"250-mx.example.dk\r\n250 8BITMIME\r\n"
REPLIES = {"GREETING": b"220 mx.example.dk\r\n", "EHLO": OFFER, "DATA": b"354 Go ahead\r\n"}


def silent_at(stage: str, reached: threading.Event) -> Conversation:
    def reply(connection: socket.socket, at: str) -> None:
        if at == stage:
            reached.set()
            connection.recv(1)  # until the client closes
        connection.sendall(REPLIES.get(at, b"250 OK\r\n"))

    def talk(connection: socket.socket) -> None:
        reply(connection, "GREETING")
        with connection.makefile("rb") as lines:
            is_content = False
            for line in lines:
                if not is_content or line == b".\r\n":
                    reply(connection, line.strip().decode().split(" ")[0])
                is_content = is_content or line == b"DATA\r\n"

    return talk


@pytest.mark.parametrize(
    ("stage", "raised"),
    [("GREETING", Busy), ("EHLO", Busy), ("MAIL", Busy), ("RCPT", Busy), ("DATA", Busy), (".", Lost)],
)
def test_aborted_channel_fails_at_once_and_opens_no_other_connection(
    settings: Settings, stage: str, raised: type[ChannelError]
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT, settings.EMAIL_HOST_USER = "127.0.0.1", 60, ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    reached = threading.Event()

    async def attempt() -> None:
        channel = EmailChannel()
        sending = asyncio.create_task(channel.deliver("s@example.dk", "r@example.dk", b"Subject: S\r\n\r\nText\r\n"))
        assert await asyncio.get_running_loop().run_in_executor(None, reached.wait, 30)
        channel.abort()
        for work in (sending, channel.prepare()):
            with pytest.raises(ChannelError) as error:
                await work
            assert error.value.scope is Scope.RELAY
            assert isinstance(error.value, raised if work is sending else Busy)

    with listening(silent_at(stage, reached)) as settings.EMAIL_PORT:
        asyncio.run(attempt())
