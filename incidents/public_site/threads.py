"""How the threads of a web process are shared, so that some are always free for published documents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Threads:
    """Half of the threads are for requests to Django, a quarter for reading bodies, the rest for published documents.

    Log-ins have a small share of that half, because each takes a processor for about half a
    second: several at once would slow down readers, and other pages would wait for them.

    Threads that wait cost little memory and no processor time. So many may wait for Django,
    and few are in its process at a time, where they share one processor.
    """

    total: int

    @property
    def django(self) -> int:
        """Requests that Django handles at a time: the threads of its process."""
        return max(1, min(4, self.total // 16))

    @property
    def waiting(self) -> int:
        """Requests that wait for Django; more are refused at once."""
        return self.total // 2 - self.django - self.log_ins - self.waiting_log_ins

    @property
    def log_ins(self) -> int:
        """Passwords that Django checks at a time."""
        return 1

    @property
    def waiting_log_ins(self) -> int:
        """Log-ins that wait for that; more are refused at once."""
        return max(1, self.total // 16)

    @property
    def bodies(self) -> int:
        """Bodies that are read at a time."""
        return max(1, self.total // 16)

    @property
    def waiting_bodies(self) -> int:
        """Requests that wait until their body is read; more are refused at once."""
        return self.total // 4 - self.bodies


DEFAULT_THREADS = Threads(256)
