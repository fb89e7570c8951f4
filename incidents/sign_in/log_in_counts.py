"""Counts the log-ins of staff for the metrics."""

from enum import StrEnum

from .. import counters
from ..metrics.definitions import LOG_INS


class LogIn(StrEnum):
    SUCCEEDED = "succeeded"
    REFUSED = "refused"  # a wrong password or code, or no access
    LIMITED = "limited"  # too many attempts; nothing was checked


def count_log_in(outcome: LogIn) -> None:
    counters.count(LOG_INS, outcome.value)
