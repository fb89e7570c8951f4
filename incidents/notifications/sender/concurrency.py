"""How many connections to the relay a worker has: as many as it takes, up to the configured number.

Every refused connection lowers the number to those that are left; a reply that asks for
fewer halves it; and it grows by one while messages are accepted (additive increase,
multiplicative decrease, as in RFC 5681).
"""

# Messages to accept before one more connection is tried.
_ACCEPTED_PER_INCREASE = 100
# Failures in a row after which a relay that has accepted messages counts as failing.
_MAX_FAILURES = 5
# Seconds.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class ConnectionLimit:
    """What the connections of a worker have learned about the relay. `known` is the number from an earlier job."""

    def __init__(self, maximum: int, known: int | None = None) -> None:
        self.maximum = maximum
        self.limit = min(known or maximum, maximum)
        self.is_answering = False  # has replied to a message, whatever it replied
        self.running = 0  # connections, also those that are being opened
        self.open = 0
        self.is_failing = False
        self.pause = 0.0  # seconds to wait before each message
        self._accepted = 0  # since the limit changed
        self._failures = 0

    @property
    def wanted(self) -> int:
        """The number of connections to have: one until the relay has answered."""
        return self.limit if self.is_answering else 1

    @property
    def learned(self) -> int | None:
        """The number to tell staff and later jobs; None if the relay takes all."""
        return self.limit if self.limit < self.maximum else None

    @property
    def has_too_many(self) -> bool:
        return self.running > self.limit

    def record_reply(self) -> None:
        """Record a reply to a message that says nothing about the relay."""
        self.is_answering, self._failures = True, 0

    def record_acceptance(self) -> None:
        self.record_reply()
        self._accepted, self.pause = self._accepted + 1, 0.0
        if self._accepted >= _ACCEPTED_PER_INCREASE and self.limit < self.maximum:
            self._set(self.limit + 1)

    def record_refused_connection(self) -> bool:
        """Record that one of the `running` connections was not opened. Return whether no other one is left."""
        others = self.running - 1
        if self.open and others < self.limit:
            self._set(max(others, 1))
        return not others

    def record_too_many(self) -> None:
        """Record that the relay asks for fewer connections. Of several that hear it at the same time, one counts.

        If it asks the last connection, it means the rate: there is a pause before each message, until it accepts one.
        """
        self.is_answering = True
        if self.limit == 1:
            self.pause = min(max(2 * self.pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        elif self._accepted >= self.limit or self.limit == self.maximum:
            self._set(self.limit // 2)

    def record_failure(self, *, is_refusal: bool) -> bool:
        """Record a failure of the relay during a message. Return whether it counts as failing now.

        A first refusal is enough. A lost connection may be due to the message, or to the recipient's server.
        """
        self._failures += 1
        return (is_refusal and not self.is_answering) or self._failures >= _MAX_FAILURES

    def _set(self, limit: int) -> None:
        self.limit, self._accepted = limit, 0
