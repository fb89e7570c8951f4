"""Progress of commands that read or write a file; on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm
from tqdm.utils import CallbackIOWrapper

_bar = partial(tqdm, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False)


@contextmanager
def write_bar(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a stream that shows how much is written to it."""
    with _bar() as bar:
        yield _watched(bar, stream, "write")


@contextmanager
def read_bar(file: Path, passes: int = 1) -> Iterator[Callable[[IO[bytes]], IO[bytes]]]:
    """Yield a function that makes a stream of the file show how much is read; it is read `passes` times."""
    size = file.stat().st_size if file.is_file() else 0
    with _bar(total=size * passes) as bar:
        yield lambda stream: _watched(bar, stream, "read")


def _watched(bar: "tqdm[Any]", stream: IO[bytes], method: str) -> Any:
    return CallbackIOWrapper(bar.update, stream, method)
