"""Makes `.venv` and keeps it agreeing with a requirements file.

    python3 -m statuspage.local.venv requirements-dev.txt

Runs on whatever Python the machine has, with nothing but the standard library,
so that it can say what is missing. That is why its syntax is old: Python 3.6
must be able to read it.
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

LEAST = (3, 11)
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NEWER = ["python3.13", "python3.12", "python3.11", "python3.14"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "installed.json")
MADE = os.path.join(VENV, "made-at")  # the path it was made at; written when it was whole
PIP = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-input", "--no-compile", "--progress-bar", "off"]
PIP.append("--disable-pip-version-check")
UV = [os.path.join(VENV, "bin", "uv"), "pip", "install", "--python", PYTHON, "--require-hashes", "--link-mode", "copy"]
UV.append("--no-progress")
TETHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tether.py")


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


def read_stamp() -> Dict[str, Any]:
    """What `.venv` holds: requirements file → fingerprint, where it was made, and the names of what was installed.

    Empty unless the environment was made at this path (its scripts name it) and
    its Python still runs: that Python may have been upgraded away.
    """
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("made at") == VENV and os.path.exists(PYTHON) else {}


def is_whole(stamp: Dict[str, Any]) -> bool:
    """Whether everything that was installed is still there."""
    return set(stamp.get("content", [""])) <= set(content())


def content() -> List[str]:
    """The packages and modules in `.venv`; their metadata apart, which change with each version."""
    folders = glob.glob(os.path.join(glob.escape(VENV), "lib", "python3*", "site-packages"))
    names = [name for folder in folders for name in os.listdir(folder)]
    return sorted(name for name in names if not name.endswith((".dist-info", "__pycache__")))


def write_stamp(stamp: Dict[str, Any]) -> None:
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        json.dump(stamp, file, indent=1)
    os.replace(STAMP + ".new", STAMP)


def is_sound() -> bool:
    """Whether `.venv` can be installed into: made to the end, at this path, and its Python is new enough and runs.

    An interrupted pip, half there, can be imported, but installs nothing.
    """
    try:
        with open(MADE, encoding="utf-8") as file:
            here = file.read() == VENV
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
    process = start([python, "-m", "venv", VENV])
    try:
        said = process.communicate()[0]
    finally:
        end(process)
    if process.returncode:
        raise CannotInstall(".venv could not be made:\n" + said.decode(errors="replace").strip())
    with open(MADE, "w", encoding="utf-8") as file:
        file.write(VENV)


def start(command: List[str]) -> "subprocess.Popen[bytes]":
    """A process that ends with this one, also where this one is killed; Ctrl-C reaches only this one."""
    tether = [sys.executable, "-I", "-S", TETHER, str(os.getpid()), str(int(signal.SIGTERM)), "-"]
    return subprocess.Popen(
        tether + command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those it started, if any is left; pip, when interrupted, deletes its temporary folders."""
    if process.poll() is None:
        send_to_group(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    send_to_group(process, signal.SIGKILL)
    process.wait()


def send_to_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def remove_remains() -> None:
    if os.path.islink(VENV) or os.path.isfile(VENV):
        os.remove(VENV)
    elif os.path.isdir(VENV):
        shutil.rmtree(VENV)


def install(requirements: str) -> None:
    with open(os.path.join(ROOT, requirements), encoding="utf-8") as file:
        total = sum("==" in line for line in file)
    say("Installing {} packages ({}); the first time this takes up to half a minute …".format(total, requirements))
    started = time.monotonic()
    if not install_with_uv(requirements, total):
        failed, lines = run([*PIP, "-r", requirements], total)
        if failed:
            raise CannotInstall(
                "The packages could not be installed. The end of what pip says:\n  "
                + "\n  ".join(lines[-12:])
                + "\nOnce the cause is removed (network, disk space), the same command continues from here."
            )
    say("Installed in {:.0f} s.".format(time.monotonic() - started))


def install_with_uv(requirements: str, total: int) -> bool:
    """Install in a fifth of the time that pip takes; False where uv is not to be had or fails.

    uv does not read pip's configuration: where that names another package index, pip is used.
    """
    _, configuration = run([PYTHON, "-m", "pip", "config", "list"], total)
    if any("index-url" in line.partition("=")[0] and "extra-" not in line for line in configuration):
        return False
    failed, _ = run([*PIP, "-r", "requirements-uv.txt"], total)
    return not failed and not run([*UV, "-r", requirements], total)[0]


def run(command: List[str], total: int) -> Tuple[int, List[str]]:
    """The exit code of an installer, and the lines it printed."""
    process = start(command)
    try:
        lines = show_progress(process, total)
        process.wait()
    finally:
        end(process)
    return process.returncode, lines


def show_progress(installer: "subprocess.Popen[bytes]", total: int) -> List[str]:
    """Shows one counting line while the installer works, on a terminal only; returns all that it printed."""
    lines = []  # type: List[str]
    done = 0
    for raw in installer.stdout or []:
        line = raw.decode(errors="replace").rstrip()
        lines.append(line)
        done += line.startswith(("Collecting ", "Requirement already satisfied", " + "))
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
    if agrees(read_stamp(), requirements, wanted):
        return
    lock = lock_project()
    try:
        stamp = read_stamp()
        if agrees(stamp, requirements, wanted):
            return
        if not is_sound() or (stamp and not is_whole(stamp)):
            stamp = {}
            make()
        elif os.path.exists(STAMP):
            os.remove(STAMP)  # an interrupted installation must not pass for a finished one
        install(requirements)
        stamp.update({"made at": VENV, requirements: wanted, "content": content()})
        write_stamp(stamp)
    finally:
        os.close(lock)


def agrees(stamp: Dict[str, Any], requirements: str, wanted: str) -> bool:
    return stamp.get(requirements) == wanted and is_whole(stamp)


def interrupt(*_: Any) -> None:
    """Once; a second signal must not keep what was started from being ended."""
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


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
    for one in ENDINGS:
        signal.signal(one, interrupt)
    sys.exit(main())
