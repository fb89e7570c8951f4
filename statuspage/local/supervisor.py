"""Keeps the product's processes running and shows their output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from statuspage.local import interruption
from statuspage.local.console import Lines, say
from statuspage.local.process import CannotStart, ask_to_end, end_group, spawn, wait_or_kill
from statuspage.local.server import LocalServer

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0  # seconds before a restart
STABLE_AFTER = 60.0  # seconds after which the delay is reset


@dataclass
class Child:
    """A process that is restarted whenever it ends; `delay` is the time before the next restart."""

    name: str
    command: Sequence[str]
    inherit: Sequence[int] = ()
    serves_others: bool = False
    process: subprocess.Popen[bytes] | None = None
    delay: float = FIRST_DELAY
    started: float = 0.0
    due: float = field(default=0.0)


class Supervisor:
    """Owns the children. It has one thread: on Linux, a child ends with the thread that started it."""

    def __init__(self, servers: Sequence[LocalServer], environment: Mapping[str, str]) -> None:
        self.children: list[Child] = []
        self.servers = servers
        self.environment = environment
        self._selector = selectors.DefaultSelector()

    def start(self, *children: Child) -> None:
        for child in children:
            self.children.append(child)
            self._start(child)

    def tick(self, patience: float = 0.2) -> None:
        """Forward the output of the processes, and restart those that have ended."""
        interruption.check()
        for key, _ in self._selector.select(patience):
            self._forward(key.fd, key.data)
        for child in self.children:
            self._restart_if_ended(child)
        for server in self.servers:
            self._restart_server_if_ended(server)

    def stop(self) -> None:
        """Stop the processes that serve others last, so that a mail in flight still arrives."""
        for last in (False, True):
            self._stop([child for child in self.children if child.serves_others is last])
        while self._selector.get_map() and (ready := self._selector.select(0)):
            for key, _ in ready:
                self._forward(key.fd, key.data)
        self._selector.close()

    def _stop(self, children: list[Child]) -> None:
        # Ask all before waiting for any, so that they end at the same time.
        processes = [child.process for child in children if child.process is not None]
        for process in processes:
            ask_to_end(process)
        for process in processes:
            wait_or_kill(process)

    def _start(self, child: Child) -> None:
        child.process = spawn(
            child.command, environment=self.environment, output=subprocess.PIPE, inherit=child.inherit
        )
        child.started = time.monotonic()
        if child.process.stdout:
            self._selector.register(child.process.stdout, selectors.EVENT_READ, (Lines(child.name), child.process))

    def _forward(self, descriptor: int, data: tuple[Lines, subprocess.Popen[bytes]]) -> None:
        lines, process = data
        if chunk := os.read(descriptor, 65536):
            lines.feed(chunk)
        else:
            lines.end()
            self._selector.unregister(descriptor)
            if process.stdout:
                process.stdout.close()

    def _restart_if_ended(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            is_stable = now - child.started > STABLE_AFTER
            child.delay = FIRST_DELAY if is_stable else min(child.delay * 2, LONGEST_DELAY)
            child.due = now + child.delay
            end_group(child.process)
            child.process = None
            say(f"{child.name} ended ({describe_exit(code)}); it starts again in {child.delay:.0f} s.")

    def _restart_server_if_ended(self, server: LocalServer) -> None:
        if server.alive():
            return
        say(f"{server.name} ended; it starts again.")
        try:
            server.start()
        except CannotStart as error:
            say(f"{error}\nThe next attempt is in {FIRST_DELAY:.0f} s.")
            time.sleep(FIRST_DELAY)


def describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
