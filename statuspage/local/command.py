"""Runs a Python program in the environment of `make run`: `make manage` and `make password`.

    python -m statuspage.local.command manage.py check

While the product runs, the program uses its settings and servers. Otherwise it
locks VAR_DIR, and the servers run for as long as the program does.
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
from statuspage.local.lock import AlreadyRunning, lock_var_dir
from statuspage.local.options import Options, apply_options, read_options
from statuspage.local.paths import ROOT, make_folder
from statuspage.local.process import EXIT_WITH_PARENT, CannotStart, ask_to_end, spawn, stop
from statuspage.local.servers import Servers


def main() -> int:
    os.chdir(ROOT)
    interruption.listen()
    try:
        options = read_options(Environment())
        make_folder(options.var)
        with contextlib.ExitStack() as stack:
            find_servers(options, stack)
            return run(sys.argv[1:])
    except (ImproperlyConfigured, CannotStart, PermissionError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ImproperlyConfigured) else 1
    except interruption.Stopped:
        return 130


def find_servers(options: Options, stack: contextlib.ExitStack) -> None:
    """Use the servers of the running product; otherwise start our own, once VAR_DIR is free."""
    notified = False
    while True:
        interruption.check()
        try:
            stack.enter_context(lock_var_dir(options.var, "make manage"))
        except AlreadyRunning as error:
            if running_environment.adopt(options.var, os.environ):
                os.environ["DJANGO_SETTINGS_MODULE"] = "statuspage.settings"
                return
            if not notified:
                print(f"Waiting for another command that uses {options.var}: {error.holder} …", file=sys.stderr)
                notified = True
            time.sleep(0.2)
        else:
            break
    apply_options(options, os.environ)
    stack.enter_context(Servers(options.var, os.environ))
    if options.own_mailbox:
        start_mailbox(options, stack)


def start_mailbox(options: Options, stack: contextlib.ExitStack) -> None:
    """Catch all mail: none may leave the machine without EMAIL_URL."""
    listening = stack.enter_context(mail_catcher.listening_socket())
    os.environ["EMAIL_URL"] = mail_catcher.address(listening)
    command = [sys.executable, "-m", "statuspage.local.mail_catcher", str(listening.fileno()), str(options.mail)]
    process = spawn(command, output=subprocess.DEVNULL, inherit=[listening.fileno()])
    stack.callback(stop, process)


def run(arguments: Sequence[str]) -> int:
    """Return the program's exit code. It keeps the terminal, because it may ask for a password and handles Ctrl-C."""
    wrapper = [sys.executable, "-I", "-S", str(EXIT_WITH_PARENT), str(os.getpid()), str(int(signal.SIGTERM)), "-"]
    process = subprocess.Popen([*wrapper, sys.executable, *arguments])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ask_to_end(process))
    try:
        code = process.wait()
    finally:
        stop(process)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
