"""The mailbox of `make run` stores every mail as a file."""

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from harness.product import received
from statuspage.local.mail_catcher import Mailbox, listening_socket
from statuspage.local.paths import ROOT


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port and the folder of a running mailbox."""
    with listening_socket() as listening:
        command = [sys.executable, "-m", "statuspage.local.mail_catcher", str(listening.fileno()), str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL) as process:
            yield listening.getsockname()[1], tmp_path
            process.terminate()


def test_mail_is_kept_once_for_each_recipient(mailbox: tuple[int, Path]) -> None:
    port, folder = mailbox
    message = EmailMessage()
    message["Subject"] = "Løst: forsinket mail"
    message.set_content("Kære læser")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message, "status@example.dk", ["anna@example.dk", "bo@example.dk"])
    assert len(received(folder)) == 2
    [mail] = received(folder, "anna@example.dk")
    assert mail["Subject"] == "Løst: forsinket mail"
    assert mail.get_content().strip() == "Kære læser"


def test_recipient_cannot_leave_the_folder(tmp_path: Path) -> None:
    kept = Mailbox(tmp_path).store("../../etc/passwd@example.dk", b"x")
    assert kept.parent == tmp_path
    assert kept.read_bytes() == b"x"
