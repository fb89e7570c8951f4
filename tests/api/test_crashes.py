"""A program repeats a request after the process that handled it was killed."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from incidents.models import Announcement, AuditEntry, IdempotentRequest, Incident, StaleSubject, Update
from tests.publishing.processes import environment
from tests.support.api_client import ApiClient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]
Api = Callable[..., ApiClient]
Answer = tuple[int, Any]
GIVEN = {"incident": {"name": "Fejl", "body": "Vi leder.", "translations": {"en": {"name": "Error"}}}}


@pytest.mark.parametrize(("moment", "programs"), [("after_commit", 1), ("before_answer", 1), ("before_answer", 10)])
def test_answer_that_was_lost_after_the_commit_is_given_again(api: Api, moment: str, programs: int) -> None:
    client = api("publish", "read")
    lost = crash(client, programs, moment)
    assert stored() == ONE
    status, again = post_to_new_process(client)
    assert status == 201
    assert again == client.get(f"/incidents/{again['id']}").json()
    assert stored() == ONE
    if moment == "before_answer":
        assert again == json.loads(lost)


def test_nothing_is_stored_by_a_crash_before_the_commit_and_the_repetition_is_done(api: Api) -> None:
    client = api("publish", "read")
    assert not crash(client, 10, "before_commit")
    assert stored() == NOTHING
    status, answer = post_to_new_process(client)
    assert (status, answer["name"]) == (201, "Fejl")
    assert stored() == ONE
    assert not StaleSubject.objects.unshown().exists()


def stored() -> list[int]:
    """How many rows there are of everything that the request writes."""
    opened = AuditEntry.objects.filter(operation="open_incident")
    written = Incident.objects.all(), Update.objects.all(), Announcement.objects.all(), IdempotentRequest.objects.all()
    return [rows.count() for rows in (*written, opened)]


NOTHING, ONE = [0] * 5, [1] * 5


def crash(client: ApiClient, programs: int, moment: str) -> str:
    """Let so many programs send the request at once to a process that dies; return the answer that was not sent."""
    with running(programs, moment) as (process, port), ThreadPoolExecutor(programs) as threads:
        for sent in [threads.submit(post, client, port) for _program in range(programs)]:
            with pytest.raises((OSError, http.client.HTTPException)):
                sent.result(60)
        assert process.wait(60) == -signal.SIGKILL
        assert process.stdout
        return process.stdout.read()


def post_to_new_process(client: ApiClient) -> Answer:
    with running(1, "never") as (_process, port):
        return post(client, port)


@contextmanager
def running(requests: int, moment: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    command = [sys.executable, "-m", "tests.api.dying_process", str(requests), moment]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=environment(), cwd=Path(settings.BASE_DIR), **pipes) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def post(client: ApiClient, port: int) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "Authorization": f"OAuth {client.secret}",
        "Content-Type": "application/json",
        "Host": "localhost",
        "Idempotency-Key": "a",
    }
    try:
        connection.request("POST", f"/api/v1/pages/{client.page}/incidents", json.dumps(GIVEN), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
