"""The command of the web server; `make run`, benchmarks, deploy/systemd and docs/production.md use its options."""

import sys

# Requests that browsers and proxies send fit; larger ones get 431.
HEADER_BYTES = 32 * 1024
# Also closes connections that send nothing: a client may hold few of them open for long.
HEADER_MILLISECONDS = 10_000
# Open connections per process. More of them wait until one is closed.
CONNECTIONS = 8192

LIMITS = (
    f"--backlog 2048 --backpressure {CONNECTIONS} --http1-buffer-size {HEADER_BYTES}"
    f" --http1-header-read-timeout {HEADER_MILLISECONDS}"
).split()


def granian(
    application: str = "statuspage.wsgi:application",
    *,
    host: str = "127.0.0.1",
    port: str,
    threads: int,
) -> list[str]:
    """Return the command for one process. At level `warning`, granian calls this many threads a mistake."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", port]
    command += ["--workers", "1", "--blocking-threads", str(threads), "--http", "1", "--no-ws", *LIMITS]
    return [*command, "--log-level", "error", application]
