"""A real SMTP server for tests: it keeps what it receives and answers as it is told."""

import asyncio
import email
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from statuspage.local.mailbox import address, listening_socket


@dataclass(frozen=True)
class Received:
    """One mail as it came over the wire."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=policy.default)

    def text(self, kind: str = "plain") -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


@dataclass
class MailServer:
    """`answer("a@example.dk", "451 4.7.500 Server busy", times=2)` makes it refuse that recipient twice."""

    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._at_recipient: dict[str, list[str]] = defaultdict(list)
        self._at_data: dict[str, list[str]] = defaultdict(list)
        self._listening = listening_socket()
        self.url = address(self._listening)
        self.port = int(self.url.rsplit(":", 1)[1])

    def answer(self, recipient: str, reply: str, *, times: int = 1_000_000, after_data: bool = False) -> None:
        """Answer `reply` to the next `times` attempts to reach `recipient`, at RCPT or after the final dot."""
        scripted = self._at_data if after_data else self._at_recipient
        scripted[recipient].extend([reply] * min(times, 1000))

    def to(self, recipient: str) -> list[Received]:
        return [mail for mail in self.received if recipient in mail.recipients]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, recipient: str, options: list[str]
    ) -> str:
        self.commands.append(f"RCPT {recipient}")
        if replies := self._at_recipient[recipient]:
            return replies.pop(0)
        envelope.rcpt_tos.append(recipient)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("DATA")
        for recipient in envelope.rcpt_tos:
            if replies := self._at_data[recipient]:
                return replies.pop(0)
        content = envelope.original_content or b""
        self.received.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return "250 2.0.0 Kept"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mail server")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        smtps: list[SMTP] = []

        def connected() -> SMTP:
            smtps.append(SMTP(self, hostname="mx.example.dk", enable_SMTPUTF8=True, loop=self._loop))
            return smtps[-1]

        server = self._loop.run_until_complete(self._loop.create_server(connected, sock=self._listening))
        self._loop.run_forever()
        server.close()
        for smtp in smtps:
            if smtp.transport is not None:
                smtp.transport.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:  # without one, `gather` would look for a loop that this thread does not have
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
