"""Encryption with age (https://age-encryption.org), so that who keeps the backups cannot read addresses.

The library instead of the command: it is there wherever the product is installed, also in a container without a
package manager. The files are ordinary ones of age, which `age --decrypt` reads, too.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any, TypeAlias

from pyrage import DecryptError, EncryptError, IdentityError, RecipientError, decrypt_io, encrypt_io, ssh, x25519

from .errors import BackupError

# Of `ssh` or `x25519`; the library has no types.
Recipient: TypeAlias = Any
Identity: TypeAlias = Any

MAGIC = b"age-encryption.org/"


def recipients_from(texts: Sequence[str]) -> list[Recipient]:
    """Read public keys: `age1…`, or those of SSH."""
    return [_recipient_from(text.strip()) for text in texts]


def _recipient_from(text: str) -> Recipient:
    try:
        return ssh.Recipient.from_str(text) if text.startswith("ssh-") else x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise BackupError(f"“{text}” is not a public key of age, such as age1…, or of SSH: {error}.") from error


def identities_from(file: Path) -> list[Identity]:
    """Read secret keys from a file of `age-keygen`, or an SSH key without a passphrase."""
    try:
        content = file.read_bytes()
        if b"PRIVATE KEY-----" in content:
            return [ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode().splitlines()]
        keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
        identities: list[Identity] = [x25519.Identity.from_str(key) for key in keys]
    except (OSError, UnicodeDecodeError, IdentityError) as error:
        raise BackupError(f"The key {file} cannot be read: {error}.") from error
    if not identities:
        raise BackupError(f"{file} has no secret key of age, a line AGE-SECRET-KEY-….")
    return identities


@contextmanager
def encrypted(target: IO[bytes], recipients: Sequence[Recipient]) -> Iterator[IO[bytes]]:
    """Yield a stream; what is written to it is encrypted into `target`."""
    reading, writing = os.pipe()

    def encrypt() -> None:
        with os.fdopen(reading, "rb") as source:
            encrypt_io(source, target, recipients)

    with _thread(encrypt), os.fdopen(writing, "wb") as stream:
        yield stream


@contextmanager
def decrypted(source: IO[bytes], identities: Sequence[Identity]) -> Iterator[IO[bytes]]:
    """Yield a stream with what `source` contains. Raises BackupError if no key fits, or the file was changed."""
    reading, writing = os.pipe()

    def decrypt() -> None:
        with os.fdopen(writing, "wb") as target:
            decrypt_io(source, target, identities)

    with _thread(decrypt), os.fdopen(reading, "rb") as stream:
        yield stream


@contextmanager
def _thread(work: Callable[[], None]) -> Iterator[None]:
    # The library pulls from one stream and pushes into the other, so it needs a thread and a pipe. Its error is the
    # cause of what the other end of the pipe sees, which is only that the pipe was closed.
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        thread.join()
        _raise_cause(errors)
        raise
    thread.join()
    _raise_cause(errors)


def _raise_cause(errors: Sequence[Exception]) -> None:
    for error in errors:
        if isinstance(error, DecryptError):
            raise BackupError(f"The file cannot be decrypted with this key: {error}.") from error
        if isinstance(error, EncryptError):
            raise BackupError(f"The backup cannot be encrypted or written: {error}.") from error
        if isinstance(error, OSError) and error.errno is None:  # the library's own
            raise BackupError(f"The file is damaged: {error}.") from error
        if not isinstance(error, BrokenPipeError):  # the other end has stopped, for a reason of its own
            raise error
