"""Where a command gets its texts from: options, a file, standard input or an editor. What was typed is kept."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from incidents.text import Text

from . import text_file
from .errors import ABORTED, wrong_use
from .text_file import TextFileError, Texts

_STANDARD_INPUT = "-"


def is_terminal() -> bool:
    """Whether a person sits at standard input and output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def given(
    options: Mapping[str, Any], stderr: Any, *, about: str, has_title: bool = False, is_required: bool = True
) -> Iterator[Texts]:
    """Yield the texts. If anything fails then, what was typed is kept in a file, and its path is printed.

    `about` says in the editor what the text is for. Raises CommandError.
    """
    texts = _of_options(options)
    if texts and options["file"]:
        raise wrong_use("Give the texts as options or with --file, not both.")
    if texts or not (options["file"] or is_required):
        yield texts
    elif options["file"] not in {None, _STANDARD_INPUT}:
        yield _parsed(_read(Path(options["file"])), has_title)
    else:
        yield from _typed(options, stderr, about, has_title)


def _typed(options: Mapping[str, Any], stderr: Any, about: str, has_title: bool) -> Iterator[Texts]:
    # From standard input or the editor: it exists nowhere else.
    if not options["file"] and not is_terminal():
        named = ", ".join(f"--{code}" for code, _name in settings.LANGUAGES)
        raise wrong_use(f"There is no text. Give it with {named}, --file PATH or, from standard input, --file -.")
    path = _new_file()
    try:
        if options["file"]:
            path.write_bytes(sys.stdin.buffer.read())
        else:
            path.write_text(text_file.template(about, dict(settings.LANGUAGES), has_title=has_title), encoding="utf-8")
            _edit(path)
        texts = _parsed(_read(path), has_title)
        if not texts and not options["file"]:
            path.unlink()
            raise CommandError("No text was written. Nothing was done.", returncode=ABORTED)
        yield texts
    except BaseException:
        if path.exists():
            _keep(path, stderr)
        raise
    if options["dry_run"]:
        _keep(path, stderr)
    else:
        path.unlink()


def _keep(path: Path, stderr: Any) -> None:
    stderr.write(f"What you wrote is kept. To use it again: --file {shlex.quote(str(path))}")


def _of_options(options: Mapping[str, Any]) -> Texts:
    codes = [code for code, _name in settings.LANGUAGES]
    title = Text({code: options.get(f"title_{code}") or "" for code in codes})
    return Texts(title, Text({code: options.get(f"text_{code}") or "" for code in codes}))


def _parsed(source: str, has_title: bool) -> Texts:
    try:
        return text_file.parse(source, [code for code, _name in settings.LANGUAGES], has_title=has_title)
    except TextFileError as error:
        raise wrong_use(f"The text has an error in {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise wrong_use(f"--file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise wrong_use(f"--file {path}: this is not UTF-8.") from error


def _edit(path: Path) -> None:
    command = [*_editor(), str(path)]
    try:
        finished = subprocess.run(command, check=False)  # noqa: S603 - the editor that the person chose
    except OSError as error:
        path.unlink()
        raise wrong_use(f"The editor {command[0]} cannot be started: {error.strerror}. Set EDITOR.") from error
    if finished.returncode:
        raise CommandError(f"The editor ended with {finished.returncode}.", returncode=ABORTED)


def _editor() -> list[str]:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if chosen:
        return shlex.split(chosen)
    return [next(filter(shutil.which, ("editor", "nano", "vi")), "vi")]


def _new_file() -> Path:
    handle, name = tempfile.mkstemp(prefix="statuspage-", suffix=".txt")
    os.close(handle)
    return Path(name)
