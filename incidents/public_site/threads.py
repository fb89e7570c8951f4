"""How the threads of a web process are shared, so that some are always free for published documents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Threads:
    """Half of the threads are for requests to Django, a quarter for reading bodies, the rest for published documents.

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
        return self.total // 2 - self.django

    @property
    def bodies(self) -> int:
        """Bodies that are read at a time."""
        return max(1, self.total // 16)

    @property
    def waiting_bodies(self) -> int:
        """Requests that wait until their body is read; more are refused at once."""
        return self.total // 4 - self.bodies


DEFAULT_THREADS = Threads(256)
