"""The terminal output of `make run`: its own messages, and the lines of each process after its name."""

import os
import sys

WIDTH = 10
COLOURS = {"web": "36", "worker": "33", "webhooks": "33", "scheduler": "35", "mailbox": "32", "set-up": "34"}
RESET = "\033[0m"


def coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def say(text: str) -> None:
    """Print a message. A closed terminal must not keep the servers from stopping in order."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (for the rest of the process)


def show(name: str, line: bytes) -> None:
    text = line.decode(errors="replace").rstrip()
    if coloured():
        say(f"\033[{COLOURS.get(name, '0')}m{name:<{WIDTH}}{RESET}│ {text}")
    else:
        say(f"{name:<{WIDTH}}| {text}")


class Lines:
    """Splits a stream of bytes into lines and shows them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            show(self.name, line)

    def end(self) -> None:
        if self._rest:
            show(self.name, self._rest)
        self._rest = b""
