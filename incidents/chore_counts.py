"""Counts how often each chore of the scheduler ran and failed, for the metrics."""

from collections import Counter
from threading import Lock

from django.db import transaction

from . import counters
from .metrics.definitions import SCHEDULER_FAILURES, SCHEDULER_RUNS, Metric


class RunCounts:
    """Runs and failures of chores, in memory until they are stored: some chores run several times a second."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[Metric, Counter[tuple[str, ...]]] = {
            SCHEDULER_RUNS: Counter(),
            SCHEDULER_FAILURES: Counter(),
        }

    def add(self, metric: Metric, chore: str) -> None:
        with self._lock:
            self._counts[metric][chore,] += 1

    def store(self) -> None:
        """Add them to the counters; what cannot be stored is kept for the next time."""
        with self._lock:
            taken = {metric: Counter(counts) for metric, counts in self._counts.items()}
        with transaction.atomic():
            for metric, counts in taken.items():
                counters.add(metric, counts)
        with self._lock:
            for metric, counts in taken.items():
                self._counts[metric] -= counts


run_counts = RunCounts()
