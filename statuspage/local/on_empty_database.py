"""Runs a command of manage.py on a temporary database and queue.

python -m statuspage.local.on_empty_database makemigrations --check
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from statuspage.local.paths import ROOT
from statuspage.local.process import CannotStart
from statuspage.local.servers import Servers


def main() -> int:
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="statuspage-empty-") as folder:
        Path(folder).chmod(0o711)  # where root starts PostgreSQL, an unprivileged account must get through
        environment = {"SECRET_KEY": "for-an-empty-database-that-signs-nothing", **os.environ, "VAR_DIR": folder}
        try:
            with Servers(Path(folder), environment, lasting=False):
                return subprocess.call([sys.executable, ROOT / "manage.py", *sys.argv[1:]], env=environment)
        except CannotStart as error:
            print(error, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
