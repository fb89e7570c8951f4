"""The signal to stop: a job finishes what is in flight, gives back the rest, and ends.

systemd and containers send SIGTERM to RQ's process, to the process of its job, or to
both. A job of RQ runs in the main thread of a process of its own.
"""

import signal
from datetime import timedelta

from ...stop_signal import StopSignal

# How long messages in flight get before their connections are closed. systemd kills after 90 seconds, Docker after 10
# unless it is configured otherwise (docs/delivery.md).
GRACE = timedelta(seconds=20)

_requested = StopSignal()


def listen() -> None:
    """Note SIGTERM instead of dying of it. Short jobs simply run to their end; long ones ask `is_requested`."""
    _requested.listen(signal.SIGTERM)
    allow()


def hold_off() -> None:
    """Keep SIGTERM back during a fork: until then neither process knows whom it is for."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def allow() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def is_requested() -> bool:
    return _requested.is_set()
