"""Encryption with age."""

import io
from pathlib import Path

import pytest
from pyrage import x25519

from incidents.backup import encryption
from incidents.backup.errors import BackupError

CONTENT = bytes(range(256)) * 4_000


def key_file(folder: Path, *identities: x25519.Identity) -> Path:
    file = folder / "key.txt"
    file.write_text("\n".join(["# created: 2026-11-27", *map(str, identities)]))
    return file


def encrypt(*recipients: str) -> bytes:
    target = io.BytesIO()
    with encryption.encrypted(target, encryption.recipients_from(recipients)) as stream:
        stream.write(CONTENT)
    return target.getvalue()


def decrypt(content: bytes, key: Path) -> bytes:
    with encryption.decrypted(io.BytesIO(content), encryption.identities_from(key)) as stream:
        return stream.read()


def test_each_recipient_can_decrypt(tmp_path: Path) -> None:
    first, second = x25519.Identity.generate(), x25519.Identity.generate()
    content = encrypt(str(first.to_public()), str(second.to_public()))
    assert content.startswith(encryption.MAGIC)
    assert CONTENT[:1000] not in content
    for identity in (first, second):
        assert decrypt(content, key_file(tmp_path, identity)) == CONTENT


def test_another_key_is_refused(tmp_path: Path) -> None:
    content = encrypt(str(x25519.Identity.generate().to_public()))
    with pytest.raises(BackupError, match="cannot be decrypted with this key"):
        decrypt(content, key_file(tmp_path, x25519.Identity.generate()))


@pytest.mark.parametrize("place", [300, 500_000, -1])
def test_changed_byte_is_noticed(tmp_path: Path, place: int) -> None:
    identity = x25519.Identity.generate()
    content = bytearray(encrypt(str(identity.to_public())))
    content[place] ^= 1
    with pytest.raises(BackupError):
        decrypt(bytes(content), key_file(tmp_path, identity))


def test_failure_to_write_is_reported_as_itself() -> None:
    class Full(io.BytesIO):
        def write(self, _content: object) -> int:
            raise OSError(28, "No space left on device")

    recipients = encryption.recipients_from([str(x25519.Identity.generate().to_public())])
    with pytest.raises(BackupError, match="No space left"):
        fill(Full(), recipients)


def fill(target: io.BytesIO, recipients: list[encryption.Recipient]) -> None:
    with encryption.encrypted(target, recipients) as stream:
        stream.writelines([CONTENT] * 100)


@pytest.mark.parametrize("text", ["age1x", "ssh-ed25519 x", "me@example.com"])
def test_wrong_recipient_is_refused_by_name(text: str) -> None:
    with pytest.raises(BackupError, match=f"“{text}” is not a public key"):
        encryption.recipients_from([text])


@pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1X", "age1abc"])
def test_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(BackupError, match="key"):
        encryption.identities_from(tmp_path / "key")
