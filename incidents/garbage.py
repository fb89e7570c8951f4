"""The garbage collection of processes that answer requests, or publish what has changed."""

import gc


def spare_loaded_code() -> None:
    """Exclude every object that exists by now from garbage collection; call it once the code is loaded.

    A full collection examines all objects while every request of the process waits: 85 ms with all of Django,
    30 ms in the web server.
    """
    gc.collect()
    gc.freeze()
