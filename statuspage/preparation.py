"""A lock while `make run` prepares the data, and which version of the product has prepared them last.

`make run` serves the pages that are published already while it prepares the data. What Django answers waits for that,
because the database may lack migrations. In production the file does not exist, and nothing waits.
"""

import contextlib
import fcntl
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

FILE = "prepared"  # in VAR_DIR; its text is the version, empty after an interruption


class Preparation:
    """Preparing the data in `var` during a `with` block, which has to call `finish`; `version` is any text."""

    def __init__(self, var: Path, version: str) -> None:
        self._version = version
        self._file = (var / FILE).open("a+", encoding="utf-8")

    def __enter__(self) -> Self:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.seek(0)
        self.is_repeated = self._file.read() == self._version  # the same version has finished the last one
        self._file.truncate(0)
        return self

    def finish(self) -> None:
        self._file.write(self._version)
        self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def wait_until_prepared(var: Path) -> None:
    """End this process if the preparation was interrupted."""
    with contextlib.suppress(FileNotFoundError), (var / FILE).open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if not file.read():
            sys.exit(f"The data in {var} are prepared in part only; start again.")
