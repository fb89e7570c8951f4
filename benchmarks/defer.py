"""How long the healthy domains wait when others answer `451 4.7.500 Server busy`, compared with none doing so.

One worker, 100 domains with 30 readers each, and a relay that returns the reply of the
domain at RCPT. The shares alternate, so that other work on the machine affects all alike;
the time is that from the start of the job until the relay has the last healthy message.
"""

import argparse
import statistics
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.results import Figure
from benchmarks.support.product import Environment, delivery_command, product_environment
from benchmarks.support.relay import Relay, relay

DOMAINS, READERS = 100, 30
SHARES = (0, 10, 30, 60, 90)


@dataclass
class Share:
    """What the runs with a share of deferring domains showed."""

    percent: int
    seconds: list[float] = field(default_factory=list)
    missed: int = 0  # healthy readers without exactly one message
    waiting: int = 0  # of them, by the ledger
    relay_failures: int = 0
    offered: int = 0  # messages that a deferring domain was offered, at most

    @property
    def deferring(self) -> list[str]:
        return [f"host{number}.example" for number in range(DOMAINS * self.percent // 100)]

    @property
    def healthy(self) -> int:
        return READERS * (DOMAINS - len(self.deferring))


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks defer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=20)
    wanted = parser.parse_args(options)
    shares = [Share(percent) for percent in SHARES]
    with (
        relay() as server,
        product_environment(
            SAMPLE_DATA="0", EMAIL_URL=f"smtp://127.0.0.1:{server.port}", EMAIL_CONNECTIONS=str(wanted.connections)
        ) as environment,
    ):
        for _round in range(wanted.rounds):
            for share in shares:
                measure(environment, server, share)
    return figures(shares)


def measure(environment: Environment, server: Relay, share: Share) -> None:
    server.reset(share.deferring)
    found = delivery_command(environment, "notify", str(DOMAINS * READERS), str(DOMAINS))
    accepted = server.accepted()
    messages = Counter(address for _at, address in accepted)
    share.seconds.append(max(at for at, _address in accepted) - found["begun"])
    share.missed += abs(share.healthy - len(messages)) + sum(number - 1 for number in messages.values())
    share.waiting += DOMAINS * READERS - share.healthy - found["unfinished"]
    share.relay_failures += found["relay_failures"]
    offered = Counter(address.rpartition("@")[2] for address in server.deferred())
    share.offered = max([share.offered, *offered.values()])


def figures(shares: list[Share]) -> list[Figure]:
    undisturbed = statistics.median(shares[0].seconds)
    return [
        Figure("seconds_0", undisturbed, "s"),
        *(Figure(f"seconds_{one.percent}", statistics.median(one.seconds), "s") for one in shares[1:]),
        *(
            Figure(f"ratio_{one.percent}", statistics.median(one.seconds) / undisturbed, aim="<=1.5")
            for one in shares[1:]
        ),
        Figure("missed_or_twice", sum(one.missed for one in shares), aim="<=0"),
        Figure("not_waiting", sum(abs(one.waiting) for one in shares), aim="<=0"),
        Figure("relay_failures", sum(one.relay_failures for one in shares), aim="<=0"),
        Figure("offered_to_a_deferring_domain", max(one.offered for one in shares)),
    ]
