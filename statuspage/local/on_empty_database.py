"""Runs a command of manage.py on an empty database and queue of its own, which end with it.

python -m statuspage.local.on_empty_database makemigrations --check
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from statuspage.local.options import ROOT
from statuspage.local.process import CannotStart
from statuspage.local.servers import Servers


def main() -> int:
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="statuspage-trial-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL, run by root's unprivileged stand-in, must pass through
        environment = {"SECRET_KEY": "for-a-trial-only-that-signs-nothing", **os.environ, "VAR_DIR": folder}
        try:
            with Servers(Path(folder), environment, lasting=False):
                return subprocess.call([sys.executable, ROOT / "manage.py", *sys.argv[1:]], env=environment)
        except CannotStart as error:
            print(error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
