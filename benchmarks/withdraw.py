"""Whether the ledger agrees with the mail server when incidents are withdrawn while two workers send.

The withdrawal comes at a random moment of each fan-out. What the server took must be recorded as sent and nothing
else, and PostgreSQL must not see a deadlock.
"""

import argparse
import random
import re
from collections import Counter
from contextlib import ExitStack
from typing import Any

from benchmarks.results import Figure
from benchmarks.support.product import WORKER, delivery_command, manage_command, product_environment
from harness.smtp_server import ScriptedServer

WORKERS = 2
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


def run(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks withdraw")
    parser.add_argument("--recipients", type=int, default=3_000)
    parser.add_argument("--runs", type=int, default=20)
    wanted = parser.parse_args(options)
    totals: Counter[str] = Counter()
    slowest = 0.0
    with ExitStack() as stack:
        server = stack.enter_context(ScriptedServer())
        variables = {"EMAIL_URL": f"smtp://127.0.0.1:{server.port}", "SAMPLE_DATA": "0", "ANNOUNCEMENT_HOLD": "0"}
        environment = stack.enter_context(product_environment(LEDGER_BATCH="200", **variables))
        for _ in range(WORKERS):
            stack.enter_context(manage_command(WORKER, environment))
        for _ in range(wanted.runs):
            server.received.clear()
            delivery_command(environment, "fill", str(wanted.recipients))
            moment = random.randint(1, wanted.recipients // 2)
            seen = delivery_command(environment, "withdraw_at", str(moment))
            totals += differences(server, seen)
            slowest = max(slowest, seen["seconds"])
    return [
        Figure("runs", wanted.runs),
        *(Figure(name, totals[name]) for name in ("sent", "skipped")),
        *(
            Figure(name, totals[name], aim="<=0")
            for name in ("skipped_but_accepted", "sent_but_not_accepted", "unrecorded", "duplicates", "deadlocks")
        ),
        Figure("slowest_withdrawal", slowest, "s"),
    ]


def differences(server: ScriptedServer, seen: dict[str, Any]) -> Counter[str]:
    found = [_MESSAGE_ID.search(message.content) for message in server.received]
    messages = Counter(match[1].decode() for match in found if match)
    accepted, sent, skipped = set(messages), set(seen["sent"]), set(seen["skipped"])
    return Counter(
        sent=len(sent),
        skipped=len(skipped),
        skipped_but_accepted=len(skipped & accepted),
        sent_but_not_accepted=len(sent - accepted),
        unrecorded=len(accepted - sent - skipped),
        duplicates=messages.total() - len(messages),
        deadlocks=seen["deadlocks"],
    )
