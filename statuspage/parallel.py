"""Checks that must not take longer than a limit, whatever they wait for."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")


class Parallel(Generic[T]):
    """Runs checks in threads. One that takes longer goes on in its thread; until it ends it is not started again."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(thread_name_prefix="check")
        self._running: dict[str, Future[T]] = {}

    def results(self, checks: Mapping[str, Callable[[], T]], limit: float) -> dict[str, T | None]:
        """Return the result of each check, or None for those that take longer than `limit` seconds."""
        late = {name: future for name, future in self._running.items() if not future.done()}  # others are outdated
        self._running = {name: late.get(name) or self._threads.submit(_result, do) for name, do in checks.items()}
        done, _late = wait(self._running.values(), limit)
        return {name: future.result() if future in done else None for name, future in self._running.items()}


def _result(check: Callable[[], T]) -> T:
    try:
        return check()
    finally:
        connection.close()  # the thread's own
