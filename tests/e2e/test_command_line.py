"""An incident without a browser: the commands of a running product, in a terminal with an editor."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.product import Product, run_environment
from statuspage.local.paths import ROOT

READER = "laeser@example.dk"
WRITTEN = """\
[title da]
Mail er forsinket
[text da]
Vi **undersøger** det.
[title en]
Mail is delayed
[text en]
We are looking into it.
"""


@pytest.fixture(scope="module")
def running(product: Callable[..., Product], tmp_path_factory: pytest.TempPathFactory) -> Product:
    """A product with a subscriber; announcements have no hold."""
    started = product(sample_data=True, ANNOUNCEMENT_HOLD="0")
    table = tmp_path_factory.mktemp("import") / "subscribers.csv"
    table.write_text(f"email,language\n{READER},da\n", encoding="utf-8")
    assert "1 imported" in call(started, "import_subscribers", str(table), "--by", "admin", "--consent=x").stdout
    return started


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "statuspage.local.command", "manage.py", *arguments]


def call(running: Product, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=run_environment(running.variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def in_a_terminal(running: Product, editor: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit code and what appears in the terminal."""
    ours, theirs = pty.openpty()
    environment = {**run_environment(running.variables), "EDITOR": f"{sys.executable} {editor}"}
    environment.pop("VISUAL", None)
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(command(*arguments), cwd=ROOT, env=environment, start_new_session=True, **ends)  # type: ignore[call-overload]
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # Linux reports the end of a terminal like this
        pass
    os.close(ours)
    return process.wait(120), said.decode().replace("\r\n", "\n")


def test_incident_is_written_in_an_editor_published_announced_and_resolved(running: Product, tmp_path: Path) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(f"import pathlib, sys\npathlib.Path(sys.argv[1]).write_text({WRITTEN!r}, encoding='utf-8')\n")
    code, said = in_a_terminal(running, editor, "incident", "open", "--component", "webmail=major_outage")
    assert code == 0, said
    found = re.search(r"^Opened: (\w+) “Mail is delayed”", said, re.MULTILINE)
    assert found, said
    page = running.get(f"/da/incidents/{found[1]}/")[2]
    assert "Vi <strong>undersøger</strong> det." in page
    assert "Mail er forsinket" in str(running.wait_for_mail(READER)[0]["Subject"])
    done = call(running, "incident", "resolve", found[1][:6], "--da", "Løst.", "--en", "Resolved.")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Resolved." in running.get(f"/en/incidents/{found[1]}/")[2]


def test_exit_codes_say_what_was_wrong(running: Product, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.py"
    nothing.touch()
    assert call(running, "incident", "open", "--en", "No title").returncode == 1
    assert call(running, "incident", "show", "zzzzzz").returncode == 2
    assert call(running, "maintenance", "schedule", "--from", "now").returncode == 2
    code, said = in_a_terminal(running, nothing, "incident", "open")
    assert code == 3
    assert "CommandError: No text was written. Nothing was done." in said
