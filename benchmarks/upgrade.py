"""Whether users notice an upgrade: the previous release runs beside this one under load, then is stopped.

Readers, people who sign up and staff use both web servers in turn, as behind a proxy;
each update is sent to all subscribers. The schema is migrated while the previous
release runs, and its processes are stopped one after the other at the end.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Figure, Missing
from harness import releases, units
from harness.smtp_server import ScriptedServer
from harness.upgrading import Arrivals, Load, Upgrade, two_releases
from statuspage.local.paths import ROOT
from statuspage.local.servers import Servers

ALONE = 5  # seconds under load before the migration, and after the previous release was stopped
SHOWN = 10  # failures and logged errors, at most
PATIENCE = 60  # seconds in which the last messages must be sent


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks upgrade")
    parser.add_argument("--seconds", type=int, default=60, help="how long both releases run")
    parser.add_argument("--subscribers", type=int, default=200)
    wanted = parser.parse_args(options)
    if not releases.is_in_history():
        raise Missing(f"The commit {releases.previous()[1]} is missing: git fetch --unshallow")
    urls: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="statuspage-bench-") as name, ScriptedServer() as mail:
        folder = Path(name)
        folder.chmod(0o755)  # the user of PostgreSQL must be able to enter
        with Servers(folder, urls, lasting=False):
            trees = (releases.check_out_previous(folder / "previous"), ROOT)
            places = {"database": urls["DATABASE_URL"], "queue": urls["REDIS_URL"]}
            with two_releases(trees, folder, **places, mail=mail) as upgrade:
                return measure(upgrade, wanted.seconds, wanted.subscribers)


def measure(upgrade: Upgrade, seconds: int, subscribers: int) -> list[Figure]:
    upgrade.prepare(subscribers)
    upgrade.old.start()
    with Load(upgrade) as load:
        time.sleep(ALONE)
        begun = time.monotonic()
        upgrade.migrate()
        migrated = time.monotonic() - begun
        upgrade.new.start()
        time.sleep(seconds)
        for service in reversed(units.SERVICES):
            upgrade.old.stop(service)
        time.sleep(ALONE)
    arrivals = Arrivals(upgrade.mail, load.posted, subscribers)
    deadline = time.monotonic() + PATIENCE
    while arrivals.missing() and time.monotonic() < deadline:
        time.sleep(0.2)
    upgrade.new.stop()
    logged = upgrade.old.errors() + upgrade.new.errors()
    print(*load.failures[:SHOWN], *logged[:SHOWN], sep="\n", file=sys.stderr)
    return [
        Figure("seconds_side_by_side", seconds, "s"),
        Figure("seconds_to_migrate", migrated, "s"),
        *(Figure(name.replace("-", "_"), load.done[name]) for name in ("reads", "sign-ups", "updates")),
        Figure("failures", len(load.failures), aim="<=0"),
        Figure("missed", arrivals.missing(), aim="<=0"),
        Figure("lost", arrivals.lost(upgrade.recorded_as_sent()), aim="<=0"),
        Figure("duplicates", arrivals.duplicates(), aim="<=0"),
        Figure("logged_errors", len(logged), aim="<=0"),
    ]
