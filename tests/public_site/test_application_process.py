"""Django's process: what reaches it, and what happens to requests and readers when it ends."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.waiting import PATIENCE
from incidents.public_site import application_process
from incidents.public_site.application_process import ApplicationProcess, ProcessEnded
from incidents.public_site.transport import IN_MEMORY, ApplicationFailed
from statuspage.django_process import NICENESS
from statuspage.local.paths import ROOT

COMMAND = [sys.executable, "-m", "tests.public_site.answering"]
WEB_SERVER = f"""
import io, time
from pathlib import Path
from incidents.public_site.application_process import ApplicationProcess
application = ApplicationProcess({COMMAND}, Path("."), 2)
environ = dict(PATH_INFO="/", CONTENT_LENGTH="0") | {{"wsgi.input": io.BytesIO()}}
application(environ, lambda status, headers: None)
print("started", flush=True)
time.sleep({PATIENCE})
"""


def ask(application: ApplicationProcess, path: str = "/", body: bytes = b"", **more: str) -> dict[str, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), **more}
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = application(
        environ | {"wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr},
        lambda status, headers, _error=None: started.append((status, headers)),  # type: ignore[arg-type]
    )
    with closing(parts):  # type: ignore[type-var]
        found: dict[str, Any] = json.loads(b"".join(parts))
    return found | {"started": started}


@pytest.fixture
def application() -> Iterator[ApplicationProcess]:
    application = ApplicationProcess(COMMAND, ROOT, 2)
    yield application
    if application._child:
        application._child.stop()


def test_request_and_response_pass_unchanged(application: ApplicationProcess) -> None:
    odd = "/dä\udcff\x00 \u2028"
    found = ask(application, odd, bytes(range(256)), QUERY_STRING="q=%00", HTTP_COOKIE='a="æ"')
    assert found["environ"]["PATH_INFO"] == odd
    assert (found["environ"]["QUERY_STRING"], found["environ"]["HTTP_COOKIE"]) == ("q=%00", 'a="æ"')
    assert found["body"] == bytes(range(256)).decode("latin-1")
    headers = [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")]
    assert found["started"] == [("200 OK", headers)]
    assert found["process"] != os.getpid()


def test_long_response_passes_whole(application: ApplicationProcess) -> None:
    body = os.urandom(IN_MEMORY + 1)
    assert ask(application, body=body)["body"] == body.decode("latin-1")


def test_process_is_started_for_the_first_request_and_kept(application: ApplicationProcess) -> None:
    assert application._child is None
    assert ask(application)["process"] == ask(application)["process"]


def test_process_answers_several_requests_at_a_time(application: ApplicationProcess) -> None:
    found: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: found.append(ask(application, "/together"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2


@pytest.mark.parametrize("path", ["/raise", "/raise-halfway"])
def test_application_that_raises_fails_only_its_request(application: ApplicationProcess, path: str) -> None:
    before = ask(application)["process"]
    for _ in range(3):
        with pytest.raises(ApplicationFailed):
            ask(application, path)
    assert ask(application)["process"] == before


@pytest.mark.parametrize("path", ["/end", "/end-thread"])
def test_process_that_ended_is_started_again(
    application: ApplicationProcess, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = ask(application)["process"]
    with pytest.raises(ProcessEnded):
        ask(application, path)
    monkeypatch.setattr(application_process, "START_AGAIN_AFTER", 0)
    assert ask(application)["process"] != before
    assert "is started again" in caplog.text


def test_process_that_ended_between_requests_fails_none(
    application: ApplicationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_process, "START_AGAIN_AFTER", 0)
    before = ask(application)["process"]
    assert application._child
    os.kill(before, signal.SIGKILL)
    application._child._process.wait()
    assert ask(application)["process"] != before


def test_django_answers_with_lower_priority_until_the_web_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    for name, value in {**dead, "SECRET_KEY": "guards nothing" * 4, "VAR_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    application = ApplicationProcess([sys.executable, "-m", "statuspage.django_process"], ROOT, 2)
    request = {
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "deep=1",
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
    }
    assert ask(application, "/readyz", b"", **request)["checks"]["queue"] == "does not answer"
    assert application._child
    process = application._child._process
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    for number in (signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
    assert ask(application, "/readyz", b"", **request)["checks"]["database"] != "ok"
    del application
    assert process.wait(PATIENCE) == 0


def test_process_that_cannot_start_is_not_started_for_each_request(tmp_path: Path) -> None:
    trace = tmp_path / "starts"
    script = f"open({str(trace)!r}, 'a').write('x')"
    application = ApplicationProcess([sys.executable, "-c", script], ROOT, 2)
    for _ in range(3):
        with pytest.raises(ProcessEnded):
            ask(application)
    assert trace.read_text() == "x"


def test_process_ends_with_the_web_server() -> None:
    with subprocess.Popen([sys.executable, "-c", WEB_SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdout.readline() == "started\n"
        server.kill()
        server.communicate(timeout=PATIENCE)  # the process has the same output, which ends with the last of them
