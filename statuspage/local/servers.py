"""The servers that the environment does not name, started and stopped together."""

import contextlib
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Self

from statuspage.local.postgres import PostgreSQL
from statuspage.local.server import LocalServer
from statuspage.local.valkey import Valkey


class Servers:
    """Run PostgreSQL and Valkey during a `with` block and put their addresses into `environment`.

    Data that are not `lasting` are deleted at the end.
    """

    def __init__(self, var: Path, environment: MutableMapping[str, str], *, lasting: bool = True) -> None:
        self.running: list[LocalServer] = []
        self._var = var
        self._environment = environment
        self._lasting = lasting
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for variable, server in self._missing():
                stack.callback(server.stop)
                server.start()
                self._environment[variable] = server.url
                stack.callback(self._environment.pop, variable, None)
                self.running.append(server)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _missing(self) -> list[tuple[str, LocalServer]]:
        logs = self._var / "log"
        servers: list[tuple[str, LocalServer]] = [
            ("DATABASE_URL", PostgreSQL(self._var / "postgres", logs / "postgres.log", lasting=self._lasting)),
            ("REDIS_URL", Valkey(self._var / "valkey", logs / "valkey.log", lasting=self._lasting)),
        ]
        return [(variable, server) for variable, server in servers if not self._is_named(variable)]

    def _is_named(self, variable: str) -> bool:
        return bool(self._environment.get(variable) or self._environment.get(f"{variable}_FILE"))
