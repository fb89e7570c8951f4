"""Runs a Python program in the environment of `make run`: `make manage` and `make password`.

    python -m statuspage.local.command manage.py check

While the product runs, the program gets its settings and its servers. Otherwise
the servers run as long as the program does, under the lock of VAR_DIR.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from statuspage.env import Environment
from statuspage.local import interruption, mail_catcher, running_environment
from statuspage.local.lock import AlreadyRunning, only_one
from statuspage.local.options import ROOT, Plan, carry_out, make_folder, read
from statuspage.local.process import TETHER, CannotStart, ask_to_end, spawn, stop
from statuspage.local.servers import Servers


def main() -> int:
    os.chdir(ROOT)
    interruption.listen()
    try:
        plan = read(Environment())
        make_folder(plan.var)
        with contextlib.ExitStack() as stack:
            find_servers(plan, stack)
            return run(sys.argv[1:])
    except (ImproperlyConfigured, CannotStart, PermissionError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ImproperlyConfigured) else 1
    except interruption.Stopped:
        return 130


def find_servers(plan: Plan, stack: contextlib.ExitStack) -> None:
    """Those of the running product; else our own, once nobody else holds VAR_DIR."""
    told = False
    while True:
        interruption.check()
        try:
            stack.enter_context(only_one(plan.var, "make manage"))
        except AlreadyRunning as error:
            if running_environment.adopt(plan.var, os.environ):
                os.environ["DJANGO_SETTINGS_MODULE"] = "statuspage.settings"
                return
            if not told:
                print(f"Waiting for another command in {plan.var}: {error.holder} …", file=sys.stderr)
                told = True
            time.sleep(0.2)
        else:
            break
    carry_out(plan, os.environ)
    stack.enter_context(Servers(plan.var, os.environ))
    if plan.own_mailbox:
        start_mailbox(plan, stack)


def start_mailbox(plan: Plan, stack: contextlib.ExitStack) -> None:
    """Mail must not leave the machine during a trial."""
    listening = stack.enter_context(mail_catcher.listening_socket())
    os.environ["EMAIL_URL"] = mail_catcher.address(listening)
    command = [sys.executable, "-m", "statuspage.local.mail_catcher", str(listening.fileno()), str(plan.mail)]
    process = spawn(command, output=subprocess.DEVNULL, inherit=[listening.fileno()])
    stack.callback(stop, process)


def run(arguments: Sequence[str]) -> int:
    """Its exit code. It keeps the terminal: it may ask for a password, and Ctrl-C is for it."""
    tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(signal.SIGTERM)), "-"]
    process = subprocess.Popen([*tether, sys.executable, *arguments])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ask_to_end(process))
    try:
        code = process.wait()
    finally:
        stop(process)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
