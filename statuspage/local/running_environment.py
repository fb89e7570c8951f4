"""The environment of a running `make run`, kept in VAR_DIR for `make manage` and `make password`.

The file is there while the product runs, and only its owner may read it: the
addresses of servers can hold passwords.
"""

import contextlib
import importlib
import json
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from statuspage.env import Environment
from statuspage.local.lock import RUNNING
from statuspage.local.options import read, write_private

# Only the first start needs it.
LEFT_OUT = "ADMIN_PASSWORD"


@contextlib.contextmanager
def shared(var: Path, environment: Mapping[str, str]) -> Iterator[None]:
    names = [each for name in sorted(variables()) for each in (name, f"{name}_FILE")]
    write_private(var / RUNNING, json.dumps({name: environment.get(name) for name in names}, indent=1))
    try:
        yield
    finally:
        (var / RUNNING).unlink(missing_ok=True)


def variables() -> set[str]:
    """The names of all variables that the product reads; its settings have been read by now."""
    environment = Environment()
    read(environment)
    names: set[str] = importlib.import_module("statuspage.settings").env.names
    return (environment.names | names) - {LEFT_OUT}


def adopt(var: Path, environment: MutableMapping[str, str]) -> bool:
    """Make `environment` that of the running product; False if none says that it runs."""
    try:
        running = json.loads((var / RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    for name, value in running.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return True
