"""PostgreSQL and Valkey are stopped and the web process is killed: readers notice nothing."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from statuspage.local.servers import Servers
from tests.support.product import Product, wait_for


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Servers, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("servers")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o711)  # PostgreSQL, run by root's unprivileged stand-in, must pass through
    urls: dict[str, str] = {}
    with Servers(folder, urls, lasting=False) as running:
        yield running, dict(urls)


@pytest.fixture(scope="module")
def house(product: Callable[..., Product], servers: tuple[Servers, dict[str, str]]) -> Product:
    _running, urls = servers
    return product(sample_data=True, **urls)


def addresses(house: Product) -> list[str]:
    """Every published address, by the files of the public store."""
    root = Path(house.variables["PUBLIC_ROOT"])
    files = [f"/{file.relative_to(root).as_posix()}" for file in root.rglob("*") if file.is_file()]
    shown = [file for file in files if not file.endswith((".gz", ".br")) and "/." not in file]
    return sorted(file.removesuffix("index.html") for file in shown)


def kill_web(house: Product) -> None:
    """kill -9 of every web process; the supervisor starts another."""
    subprocess.run(["pkill", f"-{signal.SIGKILL:d}", "-f", f"granian .*--port {house.port} "], check=True)


def answers(house: Product) -> bool:
    try:
        return house.get("/healthz")[0] == 200
    except OSError:
        return False


def test_published_page_is_read_while_database_queue_and_web_process_are_gone(
    house: Product, servers: tuple[Servers, dict[str, str]]
) -> None:
    running, _urls = servers
    paths = addresses(house)
    before = {path: house.get(path) for path in paths}
    assert len(paths) > 60
    assert {status for status, _headers, _text in before.values()} == {200}
    assert house.get("/readyz")[0] == 200

    for server in running.running:
        server.stop()
    kill_web(house)
    wait_for(lambda: answers(house))

    for path, (_status, headers, text) in before.items():
        status, headers_now, text_now = house.get(path)
        assert status == 200, path
        assert text_now == text, path
        assert {**headers_now, "date": ""} == {**headers, "date": ""}, path
    assert "Nogle systemer" in house.get("/", Accept_Language="da")[2]
    assert "Some systems" in house.get("/", Accept_Language="en")[2]
    dynamic_pages_ask_for_patience(house)


def dynamic_pages_ask_for_patience(house: Product) -> None:
    """A plain page in the reader's language that leads to the published one."""
    wanted = {"da": "Gå til driftsstatus", "en": "Go to the status page"}
    with ThreadPoolExecutor() as readers:  # together: each waits for the database as long as a reader can be asked to
        ready = readers.submit(house.get, "/readyz")
        pages = list(readers.map(lambda language: house.get(f"/{language}/subscribe/"), wanted))
    for (language, words), (status, headers, text) in zip(wanted.items(), pages, strict=True):
        assert status == 503
        assert words in text
        assert f'<html lang="{language}">' in text
        assert f'href="/{language}/"' in text
        assert "retry-after" in headers
    assert ready.result()[0] == 503
