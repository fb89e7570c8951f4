"""A scheduler that a test can kill: `python -m tests.operations.scheduler_process`.

For each time on standard input it does what is due for maintenance at that time. It prints a line before each chore,
and one at the end.
"""

import sys
from datetime import datetime

import django
import time_machine

django.setup()

# Models can be imported only once Django is set up.
from incidents import scheduler  # noqa: E402
from incidents.publishing import stale  # noqa: E402

CHORES = (scheduler.make_due_maintenance, scheduler.change_due_maintenance, scheduler.remind_of_maintenance)


def main() -> None:
    setattr(stale, "publish_for_readers", lambda: None)  # noqa: B010 - as the test does
    for line in sys.stdin:
        with time_machine.travel(datetime.fromisoformat(line.strip()), tick=False):
            for chore in CHORES:
                print(chore.__name__, flush=True)
                chore()
        print("done", flush=True)


if __name__ == "__main__":
    main()
