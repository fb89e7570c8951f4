"""A real server of another project, started in a temporary folder for the length of a `with` block."""

import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.waiting import PATIENCE, wait_for


class ServerProgram(ABC):
    """`folder` has its configuration, its data, and what it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def __enter__(self) -> Self:
        output = self.folder / "output.log"
        with output.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.folder, env=self._environment(), stdout=log, stderr=log
            )
        wait_for(lambda: self._is_ready() or self.process.poll() is not None)
        assert self.process.poll() is None, output.read_text(errors="replace")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)
