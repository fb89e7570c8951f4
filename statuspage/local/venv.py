"""Makes `.venv` and installs a requirements file into it: `python3 -m statuspage.local.venv requirements-dev.txt`.

Runs on any Python that a machine has, to report what is missing; 3.6 must be able to parse this file.
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

LEAST = (3, 11)
TOO_OLD = """Python {2}.{3} or newer, with its venv module, is needed; this is {1} ({0}).
Install one, and name it if it is not found: make PYTHON=/path/to/python3"""
NO_VENV = """{0} cannot make virtual environments: its modules venv and ensurepip are missing.
On Debian and Ubuntu: apt-get install python{1}-venv"""
NEWER = ["python3.13", "python3.12", "python3.11", "python3.14"]
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STATE = os.path.join(VENV, "installed.json")  # exists as soon as the environment itself is complete
EXIT_WITH_PARENT = [sys.executable, "-I", "-S", os.path.join(HERE, "exit_with_parent.py"), str(os.getpid()), "15", "-"]
QUIET = [] if sys.stderr.isatty() else ["--quiet"]
PIP = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-input", "--no-compile", "--disable-pip-version-check"]
UV = [os.path.join(VENV, "bin", "uv"), "pip", "install", "--python", PYTHON, "--require-hashes", "--link-mode", "copy"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(command: "list[str]") -> bool:
    """Run a command that ends when this process ends, even if this process is killed."""
    # A session of its own: Ctrl-C reaches only this process, which then ends all that the command has started.
    process = subprocess.Popen(
        EXIT_WITH_PARENT + command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
    )
    try:
        return process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def fingerprint(requirements: str) -> str:
    with open(os.path.join(ROOT, requirements), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def content() -> "list[str]":
    """The packages in `.venv`, without their metadata, whose names change with each version."""
    paths = glob.glob(os.path.join(glob.escape(VENV), "lib", "python3*", "site-packages", "*"))
    return [path for path in paths if not path.endswith((".dist-info", "__pycache__"))]


def origin() -> "list[object]":
    return [PYTHON, os.path.realpath(PYTHON), list(LEAST)]


def read_installed() -> "list[str] | None":
    """Fingerprints of the installed files; None if `.venv` is incomplete, moved or damaged, or its Python is gone."""
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
        intact = state["origin"] == origin() and os.path.exists(PYTHON) and set(state["content"]) <= set(content())
        return state["installed"] if intact else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def write_installed(installed: "list[str]") -> None:
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump({"origin": origin(), "installed": installed, "content": content() if installed else []}, file)


def suitable_python() -> str:
    """This Python, or another one on PATH if this one cannot make the environment."""
    test = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < {LEAST})"
    for python in [sys.executable, *filter(None, map(shutil.which, NEWER))]:
        if subprocess.call([python, "-c", test], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return python
    this = "{}.{}".format(*sys.version_info)
    sys.exit((TOO_OLD if sys.version_info[:2] < LEAST else NO_VENV).format(sys.executable, this, *LEAST))


def make() -> None:
    python = suitable_python()
    say(f"Making .venv with {python} …")
    if os.path.islink(VENV) or os.path.isfile(VENV):
        os.remove(VENV)
    elif os.path.exists(VENV):
        shutil.rmtree(VENV)
    if not run([python, "-m", "venv", VENV]):
        sys.exit(".venv could not be made; the lines above show the reason.")


def install_with_uv(requirements: str) -> bool:
    """False if uv is not available or fails, or if pip's configuration, which uv does not read, names another index."""
    options = subprocess.check_output([PYTHON, "-m", "pip", "config", "list"]).decode(errors="replace").splitlines()
    if any("index-url" in option.partition("=")[0].replace("extra-index-url", "") for option in options):
        return False
    return run([*PIP, "-qq", "-r", "requirements-uv.txt"]) and run([*UV, *QUIET, "-r", requirements])


def ensure(requirements: str) -> None:
    wanted, installed = fingerprint(requirements), read_installed()
    if installed is None:
        make()
    elif wanted in installed:
        return
    write_installed([])  # an interrupted installation must not count as finished
    say(f"Installing {requirements}; the first time takes up to half a minute …")
    started = time.monotonic()
    if not install_with_uv(requirements) and not run([*PIP, *QUIET, "-r", requirements]):
        sys.exit("The packages could not be installed; the lines above show the reason. Run it again to continue.")
    # An older version of another file is no longer installed: this file may have replaced its packages.
    current = {fingerprint(path) for path in glob.glob(os.path.join(glob.escape(ROOT), "requirements*.txt"))}
    write_installed([wanted, *current.intersection(installed or [])])
    say(f"Installed in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        fcntl.flock(os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX)  # two commands must not install at the same time
        ensure(sys.argv[1])
    except OSError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        say("\nInterrupted; run the same command again to continue.")
        sys.exit(130)
