"""The signals that ask a process to stop."""

import subprocess
import sys

from django.conf import settings

# A second signal comes before every line of the handler of the first one. SIGALRM ends a process that hangs.
_INTERRUPTED = """
import signal
import sys
from incidents.stop_signal import StopSignal

def interrupt(frame, event, argument):
    sys.settrace(None)
    signal.raise_signal(signal.SIGTERM)
    sys.settrace(interrupt)
    return interrupt

signal.alarm(600)
stop = StopSignal()
stop.listen(signal.SIGTERM)
sys.settrace(interrupt)
signal.raise_signal(signal.SIGTERM)
sys.settrace(None)
print(stop.is_set())
"""


def test_signal_during_the_handler_of_another_one_does_not_block_the_process() -> None:
    command = [sys.executable, "-c", _INTERRUPTED]
    ended = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
