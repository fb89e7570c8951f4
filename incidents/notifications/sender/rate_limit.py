"""A limit on messages per second, for relays that require one."""

import asyncio
import time


class RateLimiter:
    """Spaces messages evenly over all connections; a rate of 0 means no limit."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Wait until the caller may send a message."""
        if not self._interval:
            return
        now = time.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._interval
        await asyncio.sleep(turn - now)
