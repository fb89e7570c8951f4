"""docs/install.md leads to a running page: its commands are carried out as they are written.

Paths are moved into a folder and ports to free ones. Programs that would change this machine have stand-ins, see
`harness/installation.py`; PostgreSQL is the one of the tests, Valkey is the one of `make run`, and nginx is Debian's.
The services are started with the command lines of their units. Without nginx or root, step 9 is left out.
"""

import os
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from harness.environment import worker_number
from harness.installation import HOST, PASSWORD, Installation
from harness.smtp_server import ScriptedServer
from harness.waiting import wait_for
from statuspage.env import Environment
from tests.support import certificates
from tests.support.processes import of_folder

READER = "kim@example.dk"
UPDATE = """
from incidents import operations
from incidents.operations import Statement
from incidents.staff.actors import command
from incidents.status import Impact, Phase
from incidents.text import Text
statement = Statement(phase=Phase.IDENTIFIED, text=Text(da="{text}", en="{text}"), notify=True)
details = {{"title": Text(da="Mail", en="Mail"), "impact": Impact.MINOR}}
operations.open_incident(by=command("test"), details=details, statement=statement)
"""

needs_programs = pytest.mark.skipif(
    not all(map(shutil.which, ["bash", "createdb", "createuser", "curl", "openssl", "psql"])),
    reason="bash, curl, openssl or the programs of postgresql-client are not installed",
)


@pytest.fixture(scope="module")
def mail_server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def installed(mail_server: ScriptedServer) -> Iterator[Installation]:
    """All commands of the page were carried out."""
    folder = Path(tempfile.mkdtemp(prefix="machine-"))  # a short path, for the sockets in it
    url = Environment.database(urlsplit(os.environ["DATABASE_URL"]))
    database = {"PGHOST": url["HOST"], "PGPORT": url["PORT"] or "5432", "PGUSER": url["USER"]}
    role = f"install_{worker_number()}"
    machine = Installation(folder, role=role, database=database | {"PGPASSWORD": url["PASSWORD"]})
    drop(role)
    machine.prepare(
        {
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
            "DATABASE_URL": f"postgresql://{role}:{quote(PASSWORD)}@:{database['PGPORT']}/{role}?host={quote(url['HOST'])}",
            "ANNOUNCEMENT_HOLD": "0",
        }
    )
    prepare_certificate(machine)
    try:
        run(machine, machine.script())
        (folder / "readers.csv").write_text(f"email,language\n{READER},en\n")
        run(machine, f"statuspage-manage import_subscribers {folder}/readers.csv --by admin --consent Test")
        yield machine
    finally:
        kill_all(folder)
        drop(role)
        shutil.rmtree(folder)


def run(machine: Installation, script: str) -> str:
    done = machine.run(script)
    assert done.returncode == 0, done.stdout + machine.logs()
    return done.stdout


def processes_run(machine: Installation) -> bool:
    return machine.run("statuspage-manage doctor --only workers --only scheduler").returncode == 0


def prepare_certificate(machine: Installation) -> None:
    """Let curl, as it is called on the page, find the machine under its name and trust its certificate."""
    folder = machine.folder / "certificate"
    folder.mkdir()
    certificates.make(folder, HOST).rename(folder / "privkey.pem")
    (folder / f"{HOST}.pem.crt").rename(folder / "fullchain.pem")
    lines = [f'cacert = "{folder}/fullchain.pem"', f'connect-to = "{HOST}:443:127.0.0.1:{machine.ports["443"]}"']
    (machine.folder / ".curlrc").write_text("\n".join([*lines, "silent", "show-error"]))


def drop(role: str) -> None:
    url = Environment.database(urlsplit(os.environ["DATABASE_URL"]))
    with psycopg.connect(
        dbname="postgres",
        user=url["USER"],
        password=url["PASSWORD"],
        host=url["HOST"],
        port=url["PORT"] or None,
        autocommit=True,
    ) as connection:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "DROP ROLE IF EXISTS {}"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(role)))


def kill_all(folder: Path) -> None:
    def none_is_left() -> bool:
        for pid in (left := of_folder(folder)):
            os.kill(pid, signal.SIGKILL)
        return not left

    wait_for(none_is_left)


def publish(machine: Installation, text: str) -> None:
    """Post an update that notifies, as the newsroom does."""
    (machine.folder / "update.py").write_text(UPDATE.format(text=text))
    run(machine, 'statuspage-manage shell -c "$(cat update.py)"')


def page(machine: Installation) -> str:
    with urllib.request.urlopen(f"{machine.url}/en/", timeout=30) as answer:
        return str(answer.read().decode())


@needs_programs
def test_page_answers_and_an_update_reaches_a_subscriber(installed: Installation, mail_server: ScriptedServer) -> None:
    publish(installed, "The first update.")
    wait_for(lambda: any("The first update." in message.text() for message in mail_server.to(READER)))
    assert "The first update." in page(installed)


@needs_programs
def test_nginx_serves_the_page_with_the_certificate(installed: Installation) -> None:
    if not installed.has_nginx:
        pytest.skip("nginx is not installed, or this is not root")
    assert "<html" in run(installed, f"curl --fail https://{HOST}/en/")
    plain = f"curl --output /dev/null --write-out '%{{redirect_url}}' --header 'Host: {HOST}' http://127.0.0.1"
    assert run(installed, f"{plain}:{installed.ports['80']}/en/") == f"https://{HOST}/en/"


@needs_programs
def test_backup_was_made_and_is_intact(installed: Installation) -> None:
    (backup,) = (installed.folder / "var/lib/statuspage/backups").iterdir()
    assert backup.stat().st_mode & 0o077 == 0
    assert "is intact" in run(installed, f"statuspage-manage backup --verify {backup}")


@needs_programs
def test_doctor_finds_nothing_wrong_that_this_machine_can_have(installed: Installation) -> None:
    """The others ask the internet (the certificate, the name of the host, SPF), or notice what other tests killed."""
    names = "settings secrets database migrations queue workers scheduler store published mirror backup"
    only = " ".join(f"--only {name}" for name in names.split())
    # The workers and the scheduler may still be starting.
    wait_for(lambda: processes_run(installed))
    assert "FAIL" not in run(installed, f"statuspage-manage doctor --strict {only}")


@needs_programs
def test_secrets_and_settings_are_readable_by_the_service_only(installed: Installation) -> None:
    folder = installed.folder / "etc/statuspage"
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "secret_key": 0o640,
        "statuspage.env": 0o640,
    }


@needs_programs
def test_page_and_delivery_work_again_after_all_processes_were_killed(
    installed: Installation, mail_server: ScriptedServer
) -> None:
    kill_all(installed.folder)
    boot = "systemctl restart valkey-server; systemctl restart statuspage.target"
    run(installed, f"{boot}; systemctl restart nginx" if installed.has_nginx else boot)
    publish(installed, "After the restart.")
    wait_for(lambda: any("After the restart." in message.text() for message in mail_server.to(READER)))
    assert "After the restart." in page(installed)
