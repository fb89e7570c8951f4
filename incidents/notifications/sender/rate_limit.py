"""A limit on letters per second, for relays that want one."""

import asyncio
import time


class RateLimiter:
    """Spreads turns evenly over time, for any number of connections; a rate of 0 is no limit."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Returns when it is the caller's turn."""
        if not self._interval:
            return
        now = time.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._interval
        await asyncio.sleep(turn - now)
