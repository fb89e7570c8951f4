"""The project's root, VAR_DIR, and the private files in it."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from statuspage.local.process import CannotStart

ROOT = Path(__file__).resolve().parent.parent.parent


def make_folder(folder: Path) -> None:
    """Create VAR_DIR if it does not exist, and check that it is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR is “{folder}”: name a folder that can be created ({error.strerror})."
        ) from error
    if not writable:
        raise ImproperlyConfigured(f"VAR_DIR is “{folder}”: name a folder that you may write to.")


def stored_secret(path: Path) -> str:
    """Return the random text in a file; the first call creates it, readable by its owner only."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(50))
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise CannotStart(f"{path} belongs to another user; start as that user, or name another VAR_DIR.") from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; even a power cut leaves either the whole file or none."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
