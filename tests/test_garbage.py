"""Processes that answer requests or publish do not collect the garbage of loaded code."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.product import run_environment
from statuspage.local.paths import ROOT
from tests.test_settings import KEY

LOADED = 10_000  # objects; each process has far more


@pytest.mark.parametrize(
    "code",
    [
        "import statuspage.wsgi",
        # What it answers is tested elsewhere.
        "from statuspage import django_process as one; one.serve = lambda *arguments: None; one.main([])",
        "import django; django.setup(); from incidents import scheduler as one; one.run = lambda stopped: None; "
        "from django.core.management import call_command; call_command('scheduler', stdout=sys.stderr)",
    ],
)
def test_loaded_code_is_not_collected(tmp_path: Path, code: str) -> None:
    environment = run_environment({"SECRET_KEY": KEY, "VAR_DIR": str(tmp_path)})
    environment["DJANGO_SETTINGS_MODULE"] = "statuspage.settings"
    counted = f"import gc, sys; {code}; print(gc.get_freeze_count())"
    done = subprocess.run(
        [sys.executable, "-c", counted], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > LOADED
