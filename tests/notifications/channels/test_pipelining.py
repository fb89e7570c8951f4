"""PIPELINING that is offered and does not work, and other servers that are out of step."""

import asyncio
import math
import socket
from collections.abc import Callable

import pytest
from pytest_django import Settings

from incidents.notifications.channels import email, smtp
from incidents.notifications.channels.base import Busy, Lost, Reply, Scope
from incidents.notifications.channels.email import EmailChannel
from incidents.notifications.channels.smtp import Pipelining
from tests.support.conversations import Conversation, listening

OFFER = b"250-mx.example.dk\r\n250 PIPELINING\r\n"
USUAL = {b"EHLO": OFFER, b"DATA": b"354 Go ahead\r\n", b".": b"250 2.0.0 Taken\r\n"}
MESSAGE = b"Subject: S\r\n\r\nText\r\n"


@pytest.fixture(autouse=True)
def _one_minute(settings: Settings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "127.0.0.1", 60
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = ""


def first_of_each_read(taken: list[bytes], says: Callable[[bytes], bytes | None] = USUAL.get) -> Conversation:
    """A server, or a firewall before it, that discards what comes after the first command of a packet."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 mx.example.dk\r\n")
        is_content = False
        while data := connection.recv(65_536):
            command = b"." if is_content and data.endswith(b"\r\n.\r\n") else data.split(b"\r\n")[0].split(b" ")[0]
            taken.append(command)
            reply = says(command) or b"250 OK\r\n"
            is_content = reply.startswith(b"354")
            connection.sendall(reply)

    return talk


def conversing(says: dict[bytes, bytes]) -> Conversation:
    """A server that works, with its own replies to some commands."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 mx.example.dk\r\n")
        is_content = False
        with connection.makefile("rb") as lines:
            for line in lines:
                if is_content and line != b".\r\n":
                    continue
                reply = {**USUAL, **says}.get(line.strip().split(b" ")[0], b"250 OK\r\n")
                is_content = reply.startswith(b"354")
                connection.sendall(reply)

    return talk


async def send(channel: EmailChannel, times: int) -> list[int]:
    try:
        return [(await channel.deliver("s@example.dk", "r@example.dk", MESSAGE)).code for _ in range(times)]
    finally:
        channel.close()


def test_broken_pipelining_is_noticed_and_not_used_again(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(smtp, "PIPELINING_PROOF", 0.05)
    monkeypatch.setattr(email, "PIPELINING_PROOF", math.inf)  # however slow this machine is
    taken: list[bytes] = []
    pipelining = Pipelining()
    with listening(first_of_each_read(taken)) as settings.EMAIL_PORT:
        assert asyncio.run(send(EmailChannel(pipelining), 3)) == [250] * 3
        assert (pipelining.is_allowed, pipelining.found_broken) == (False, True)
        assert asyncio.run(send(EmailChannel(pipelining), 1)) == [250]
    one = [b"MAIL", b"RCPT", b"DATA", b"."]
    assert [command for command in taken if command not in {b"EHLO", b"QUIT"}] == [b"MAIL", *one * 4]


def test_rejection_of_the_single_command_shows_that_pipelining_is_broken(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(smtp, "PIPELINING_PROOF", 0.05)
    monkeypatch.setattr(email, "PIPELINING_PROOF", math.inf)  # however slow this machine is
    pipelining = Pipelining()
    full = {**USUAL, b"RCPT": b"452 4.2.2 Full\r\n"}
    with listening(first_of_each_read([], full.get)) as settings.EMAIL_PORT, pytest.raises(Busy) as raised:
        asyncio.run(send(EmailChannel(pipelining), 1))
    assert raised.value.scope is Scope.MAILBOX
    assert pipelining.found_broken


def test_server_that_does_not_reply_to_single_commands_either_may_be_pipelined_later(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(smtp, "PIPELINING_PROOF", 0.05)
    settings.EMAIL_TIMEOUT = 0.2
    pipelining = Pipelining()
    silent = {**USUAL, b"RCPT": b"250-\r\n"}
    with listening(first_of_each_read([], silent.get)) as settings.EMAIL_PORT, pytest.raises(Busy) as raised:
        asyncio.run(send(EmailChannel(pipelining), 1))
    assert raised.value.scope is Scope.RELAY
    assert (pipelining.is_allowed, pipelining.found_broken) == (True, False)


def test_server_that_is_as_slow_with_single_commands_may_be_pipelined_later(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Such as one that calls the recipient's server before it replies to RCPT."""
    monkeypatch.setattr(smtp, "PIPELINING_PROOF", 0.05)
    monkeypatch.setattr(email, "PIPELINING_PROOF", 0)
    pipelining = Pipelining()
    with listening(first_of_each_read([])) as settings.EMAIL_PORT:
        assert asyncio.run(send(EmailChannel(pipelining), 1)) == [250]
    assert (pipelining.is_allowed, pipelining.found_broken) == (True, False)


def test_pipelining_that_works_is_given_the_usual_time(settings: Settings) -> None:
    pipelining = Pipelining()
    with listening(conversing({})) as settings.EMAIL_PORT:
        assert asyncio.run(send(EmailChannel(pipelining), 2)) == [250] * 2
    assert pipelining == Pipelining(works=True)


def test_relay_whose_pipelining_was_broken_gets_one_command_at_a_time(settings: Settings) -> None:
    taken: list[bytes] = []
    with listening(first_of_each_read(taken)) as settings.EMAIL_PORT:
        assert asyncio.run(send(EmailChannel(Pipelining(is_allowed=False)), 1)) == [250]
    assert taken == [b"EHLO", b"MAIL", b"RCPT", b"DATA", b".", b"QUIT"]


@pytest.mark.parametrize(
    ("says", "raised", "reply"),
    [
        ({b"MAIL": b"354 Go ahead\r\n"}, Busy, Reply(354, "Go ahead")),
        ({b"RCPT": b"354 Go ahead\r\n"}, Busy, Reply(354, "Go ahead")),
        ({b"DATA": b"250 OK\r\n"}, Busy, Reply(250, "OK")),
        ({b".": b"354 Go ahead\r\n"}, Lost, Reply(354, "Go ahead")),
        ({b"RCPT": b"250-OK\r\n550 No\r\n"}, Busy, None),
        ({b".": b"250-OK\r\n550 No\r\n"}, Lost, None),
        ({b".": b"Thanks\r\n"}, Lost, None),
    ],
)
@pytest.mark.parametrize("may_pipeline", [True, False])
def test_server_that_is_out_of_step_is_left(
    settings: Settings, says: dict[bytes, bytes], raised: type[Exception], reply: Reply | None, *, may_pipeline: bool
) -> None:
    async def attempt() -> EmailChannel:
        channel = EmailChannel(Pipelining(is_allowed=may_pipeline))
        with pytest.raises(raised) as error:
            await channel.deliver("s@example.dk", "r@example.dk", MESSAGE)
        assert isinstance(error.value, Busy | Lost)
        assert error.value.scope is Scope.RELAY
        assert error.value.reply == (reply or error.value.reply)
        return channel

    with listening(conversing(says)) as settings.EMAIL_PORT:
        assert not asyncio.run(attempt()).connection.is_open


@pytest.mark.parametrize("surplus", [b"250 OK again\r\n", b"550 No\r\n", b"421 Timeout\r\n", b"noise", b"\xff\r\n"])
def test_reply_that_nobody_asked_for_is_not_taken_for_the_next_one(settings: Settings, surplus: bytes) -> None:
    """The next message uses a new connection."""

    async def send_two() -> list[int]:
        channel = EmailChannel()
        first = await channel.deliver("s@example.dk", "r@example.dk", MESSAGE)
        socket_, loop = channel.connection._socket, asyncio.get_running_loop()
        assert socket_ is not None
        while not socket_._replies.has_unread:  # it may arrive a moment later
            await asyncio.sleep(0)
            await loop.run_in_executor(None, lambda: None)
        return [first.code, *await send(channel, 1)]

    with listening(conversing({b".": b"250 2.0.0 Taken\r\n" + surplus})) as settings.EMAIL_PORT:
        assert asyncio.run(send_two()) == [250, 250]
