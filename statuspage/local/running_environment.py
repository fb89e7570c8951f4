"""The environment of the running product, stored in VAR_DIR for `make manage` and `make password`.

The file exists while the product runs. Only its owner may read it: the addresses of
servers may contain passwords.
"""

import contextlib
import importlib
import json
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from statuspage.env import Environment
from statuspage.local.lock import RUNNING
from statuspage.local.options import read_options
from statuspage.local.paths import write_private

# Only the first start needs it.
NOT_SHARED = "ADMIN_PASSWORD"


@contextlib.contextmanager
def shared(var: Path, environment: Mapping[str, str]) -> Iterator[None]:
    names = [each for name in sorted(variables()) for each in (name, f"{name}_FILE")]
    write_private(var / RUNNING, json.dumps({name: environment.get(name) for name in names}, indent=1))
    try:
        yield
    finally:
        (var / RUNNING).unlink(missing_ok=True)


def variables() -> set[str]:
    """Return the names of all variables that the product reads. Its settings must have been imported."""
    environment = Environment()
    read_options(environment)
    names: set[str] = importlib.import_module("statuspage.settings").env.names
    return (environment.names | names) - {NOT_SHARED}


def adopt(var: Path, environment: MutableMapping[str, str]) -> bool:
    """Copy the running product's variables into `environment`; return False if the product is not running."""
    try:
        running = json.loads((var / RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    for name, value in running.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return True
