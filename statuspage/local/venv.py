"""Makes `.venv` and keeps it agreeing with a requirements file.

    python3 -m statuspage.local.venv requirements-dev.txt

Runs on whatever Python the machine has, with nothing but the standard library,
so that it can say what is missing. That is why its syntax is old: Python 3.6
must be able to read it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Dict, List, Optional

LEAST = (3, 11)
NEWER = ["python3.13", "python3.12", "python3.11", "python3.14"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "installed.json")


class CannotInstall(Exception):
    """The message says what is wrong and what to do."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def works(command: List[str]) -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def suitable_python() -> str:
    """This Python, or a newer one on PATH where this one is too old."""
    if sys.version_info[:2] >= LEAST:
        return sys.executable
    test = "import sys; sys.exit(sys.version_info[:2] < {})".format(LEAST)
    for name in NEWER:
        path = shutil.which(name)
        if path and works([path, "-c", test]):
            return path
    raise CannotInstall(
        "Python {}.{} or newer is needed; this is {}.{} ({}). Install a newer one, "
        "and name it if it is not found: make PYTHON=/path/to/python3".format(
            LEAST[0], LEAST[1], sys.version_info[0], sys.version_info[1], sys.executable
        )
    )


def fingerprint(requirements: str) -> str:
    with open(os.path.join(ROOT, requirements), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_stamp() -> Dict[str, str]:
    """What `.venv` holds: requirements file → fingerprint, and where it was made.

    Empty unless the environment was made at this path (its scripts name it) and
    its Python still runs: that Python may have been upgraded away.
    """
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("made at") == VENV and os.path.exists(PYTHON) else {}


def write_stamp(stamp: Dict[str, str]) -> None:
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        json.dump(stamp, file, indent=1)
    os.replace(STAMP + ".new", STAMP)


def is_sound() -> bool:
    """Whether `.venv` can be installed into: right path, a Python that runs and is new enough, pip."""
    try:
        with open(os.path.join(VENV, "bin", "activate"), encoding="utf-8") as file:
            here = VENV in file.read()
    except (OSError, ValueError):
        return False
    test = "import pip, sys; sys.exit(sys.version_info[:2] < {})".format(LEAST)
    return here and works([PYTHON, "-c", test])


def make() -> None:
    python = suitable_python()
    if not works([python, "-c", "import venv, ensurepip"]):
        version = subprocess.check_output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        raise CannotInstall(
            "{} cannot make virtual environments: its modules venv and ensurepip are missing. "
            "On Debian and Ubuntu: apt-get install python{}-venv".format(python, version.decode().strip())
        )
    say("Making .venv with {} …".format(python))
    remove_remains()
    command = [python, "-m", "venv", VENV]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        raise CannotInstall(".venv could not be made:\n" + made.stdout.decode(errors="replace").strip())


def remove_remains() -> None:
    if os.path.islink(VENV) or os.path.isfile(VENV):
        os.remove(VENV)
    elif os.path.isdir(VENV):
        shutil.rmtree(VENV)


def install(requirements: str) -> None:
    with open(os.path.join(ROOT, requirements), encoding="utf-8") as file:
        total = sum("==" in line for line in file)
    say("Installing {} packages ({}); the first time this takes about half a minute …".format(total, requirements))
    started = time.monotonic()
    command = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--no-input",
        "--no-compile",
        "--progress-bar",
        "off",
    ]
    command += ["--disable-pip-version-check", "-r", requirements]
    pip = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = show_progress(pip, total)
    if pip.wait():
        raise CannotInstall(
            "The packages could not be installed. The end of what pip says:\n  "
            + "\n  ".join(lines[-12:])
            + "\nWhen the cause is mended (network, disk space), the same command goes on from here."
        )
    say("Installed in {:.0f} s.".format(time.monotonic() - started))


def show_progress(pip: "subprocess.Popen[bytes]", total: int) -> List[str]:
    """Shows one counting line while pip works, on a terminal only; returns all that pip said."""
    lines = []  # type: List[str]
    done = 0
    for raw in pip.stdout or []:
        line = raw.decode(errors="replace").rstrip()
        lines.append(line)
        done += line.startswith(("Collecting ", "Requirement already satisfied"))
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K  {}/{} {}".format(min(done, total), total, line[:60]))
            sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return lines


def lock_project() -> int:
    """Two commands started together must not install into one folder; the lock goes with the process."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another command is installing into .venv; waiting for it …")
        fcntl.flock(folder, fcntl.LOCK_EX)
    return folder


def ensure(requirements: str) -> None:
    wanted = fingerprint(requirements)
    if read_stamp().get(requirements) == wanted:
        return
    lock = lock_project()
    try:
        stamp = read_stamp()
        if stamp.get(requirements) == wanted:
            return
        if not is_sound():
            stamp = {}
            make()
        elif os.path.exists(STAMP):
            os.remove(STAMP)  # an interrupted installation must not pass for a finished one
        install(requirements)
        stamp.update({"made at": VENV, requirements: wanted})
        write_stamp(stamp)
    finally:
        os.close(lock)


def main(arguments: Optional[List[str]] = None) -> int:
    try:
        for requirements in sys.argv[1:] if arguments is None else arguments:
            ensure(requirements)
    except CannotInstall as error:
        say(str(error))
        return 1
    except OSError as error:
        say("{}: {}".format(error.filename or ROOT, error.strerror))
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; the same command goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
