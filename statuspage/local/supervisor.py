"""Keeps the product's processes running and shows what they say."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statuspage.local import interruption
from statuspage.local.console import Lines, say
from statuspage.local.postgres import PostgreSQL
from statuspage.local.process import CannotStart, ask_to_end, end_group, see_ended, spawn
from statuspage.local.valkey import Valkey

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY = 60.0  # seconds after which a process counts as healthy again


@dataclass
class Child:
    """One process that is to run for good, and how long to wait before starting it again."""

    name: str
    command: Sequence[str]
    inherit: Sequence[int] = ()
    serves_others: bool = False
    process: subprocess.Popen[bytes] | None = None
    pause: float = FIRST_PAUSE
    started: float = 0.0
    due: float = field(default=0.0)


class Supervisor:
    """Owns the children. Everything happens in one thread: Linux ties a child's fate to the thread that made it."""

    def __init__(self, children: list[Child], servers: Sequence[PostgreSQL | Valkey], environment: Mapping[str, str]):
        self.children = children
        self.servers = servers
        self.environment = environment
        self._selector = selectors.DefaultSelector()

    def start(self) -> None:
        for child in self.children:
            self._start(child)

    def tick(self, patience: float = 0.2) -> None:
        """Pass on what the processes say and start again what has ended."""
        interruption.check()
        for key, _ in self._selector.select(patience):
            self._pass_on(key.fd, key.data)
        for child in self.children:
            self._look_after(child)
        for server in self.servers:
            self._revive(server)

    def stop(self) -> None:
        """Those that serve others go last, so that a mail under way still arrives."""
        for last in (False, True):
            self._stop([child for child in self.children if child.serves_others is last])
        while self._selector.get_map() and (ready := self._selector.select(0)):
            for key, _ in ready:
                self._pass_on(key.fd, key.data)
        self._selector.close()

    def _stop(self, children: list[Child]) -> None:
        """Ask all before waiting for any: together they take as long as the slowest."""
        processes = [child.process for child in children if child.process is not None]
        for process in processes:
            ask_to_end(process)
        for process in processes:
            see_ended(process)

    def _start(self, child: Child) -> None:
        child.process = spawn(
            child.command, environment=self.environment, output=subprocess.PIPE, inherit=child.inherit
        )
        child.started = time.monotonic()
        if child.process.stdout:
            self._selector.register(child.process.stdout, selectors.EVENT_READ, (Lines(child.name), child.process))

    def _pass_on(self, descriptor: int, data: tuple[Lines, subprocess.Popen[bytes]]) -> None:
        lines, process = data
        if chunk := os.read(descriptor, 65536):
            lines.feed(chunk)
        else:
            lines.end()
            self._selector.unregister(descriptor)
            if process.stdout:
                process.stdout.close()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            child.pause = FIRST_PAUSE if now - child.started > STEADY else min(child.pause * 2, LONGEST_PAUSE)
            child.due = now + child.pause
            end_group(child.process)
            child.process = None
            say(f"{child.name} ended ({ending(code)}); it starts again in {child.pause:.0f} s.")

    def _revive(self, server: PostgreSQL | Valkey) -> None:
        if server.alive():
            return
        say(f"{server.name} ended; it starts again.")
        try:
            server.start()
        except CannotStart as error:
            say(f"{error}\nThe next attempt is in {FIRST_PAUSE:.0f} s.")
            time.sleep(FIRST_PAUSE)


def ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
