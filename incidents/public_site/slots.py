"""A limit on the number of threads in one place."""

import threading
from collections import Counter, deque
from time import monotonic

STUCK_AFTER = 0.5  # seconds
REJECT_FOR = 5.0  # seconds


class Slots:
    """A semaphore that serves waiting requests in the order of their arrival.

    A waiting request holds its thread, so at most `max_waiting` wait, and at most
    `per_network` of one network; more are rejected at once. During a rush each that waits
    gets a slot in the end. Only if no slot is released for `STUCK_AFTER` seconds, Django
    counts as stuck: requests that have waited that long are rejected, and for the next
    `REJECT_FOR` seconds new requests are rejected at once. `patience` takes the place of
    `STUCK_AFTER` where a single request takes longer. With `is_starting`, this does not
    apply before the first slot is released: loading Django takes longer than that.
    """

    def __init__(
        self, number: int, max_waiting: int, per_network: int, *, patience: float = 0, is_starting: bool = False
    ) -> None:
        self._free, self._max_waiting, self._per_network = number, max_waiting, per_network
        self._is_starting, self._stuck_after = is_starting, patience or STUCK_AFTER
        self._waiting: deque[threading.Event] = deque()
        self._networks: Counter[str] = Counter()  # of waiting requests
        self._lock = threading.Lock()
        self._released_at = 0.0
        self._reject_until = 0.0

    def acquire(self, network: str) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if self._is_full(network) or monotonic() < self._reject_until:
                return False
            granted = threading.Event()
            self._waiting.append(granted)
            self._networks[network] += 1
        try:
            return self._wait(granted)
        finally:
            with self._lock:
                self._networks[network] -= 1
                if not self._networks[network]:
                    del self._networks[network]

    def release(self) -> None:
        with self._lock:
            self._released_at, self._reject_until, self._is_starting = monotonic(), 0.0, False
            if self._waiting:
                # Pass the slot on directly; a free slot could be taken by a request that arrives now.
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _is_full(self, network: str) -> bool:
        return len(self._waiting) >= self._max_waiting or self._networks[network] >= self._per_network

    def _wait(self, granted: threading.Event) -> bool:
        while not granted.wait(self._stuck_after):
            if self._give_up(granted):
                return False
        return True

    def _give_up(self, granted: threading.Event) -> bool:
        with self._lock:
            if granted.is_set() or self._is_starting or monotonic() - self._released_at < self._stuck_after:
                return False
            self._waiting.remove(granted)
            self._reject_until = monotonic() + REJECT_FOR
            return True
