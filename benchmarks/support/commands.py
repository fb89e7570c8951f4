"""Commands of a benchmark to a process that it has started."""

import sys
from multiprocessing.connection import Connection
from typing import Any


def received(commands: Connection) -> Any:
    """Return the next command; end this process if the benchmark has ended, even if it was killed."""
    try:
        return commands.recv()
    except EOFError:
        sys.exit()
