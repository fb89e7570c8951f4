"""Runs checks at the same time. None can hang the command or end it with a traceback."""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from threading import Thread

from django.db import DatabaseError, connection
from redis import RedisError

from .base import Check, CheckResult, fail, one_line

LIMIT = 8.0  # seconds for all checks together


def run(checks: Sequence[Check], limit: float = LIMIT) -> list[tuple[Check, CheckResult]]:
    """Return the result of each check, in order; one that takes longer than `limit` seconds has failed."""
    futures = [_start(check) for check in checks]
    wait(futures, limit)
    return [
        (check, future.result() if future.done() else _late(limit))
        for check, future in zip(checks, futures, strict=True)
    ]


def _late(limit: float) -> CheckResult:
    return fail(f"no answer within {limit:g} s", "Look at what this check asks: its server may be overloaded.")


def _start(check: Check) -> "Future[CheckResult]":
    future = Future[CheckResult]()
    # As a daemon it does not keep the command from ending while it hangs.
    Thread(target=lambda: future.set_result(_result(check)), daemon=True, name=f"check {check.name}").start()
    return future


def _result(check: Check) -> CheckResult:
    try:
        return check.run()
    except DatabaseError as error:
        return fail(f"not checked: {one_line(error)}", "Look at the checks `database` and `migrations` first.")
    except RedisError as error:
        return fail(f"not checked: {one_line(error)}", "Look at the check `queue` first.")
    except Exception as error:
        return fail(f"the check failed: {type(error).__name__}: {one_line(error)}", "Report this as a fault.")
    finally:
        connection.close()  # the thread's own
