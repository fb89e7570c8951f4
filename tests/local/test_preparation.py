"""`make run` again: what is published already is served while the data are prepared, and Django waits for that."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from harness.product import Product
from harness.waiting import wait_for
from statuspage.preparation import FILE, Preparation, wait_until_prepared
from tests.support import processes

SERVED = "The page is served: "


@pytest.fixture(scope="module")
def one(product: Callable[..., Product]) -> Product:
    return product()


@pytest.fixture
def prepared(one: Product) -> Product:
    """A product that this version has prepared with these settings, and that was stopped."""
    one.stop()
    one.variables["SITE_URL"] = one.url
    one.start()
    one.stop()
    return one


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@contextmanager
def long_preparation(product: Product) -> Iterator[None]:
    """Start again; during the block, the migrations wait for a lock."""
    with (
        psycopg.connect(product.variables["DATABASE_URL"]) as connection,
        psycopg.connect(product.variables["DATABASE_URL"], autocommit=True) as other,
    ):
        connection.execute("LOCK TABLE django_migrations")
        product.begin()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'django_migrations'::regclass"
        wait_for(lambda: other.execute(waiting).fetchone() or product.process.poll() is not None)
        assert product.process.poll() is None, product.said()
        yield


def running(product: Product, part: str) -> list[int]:
    return [number for number, command in processes.of_folder(product.folder).items() if part in command]


def test_page_is_served_before_the_migrations_and_the_newsroom_after_them(
    prepared: Product, threads: ThreadPoolExecutor
) -> None:
    earlier = len(prepared.said())
    with long_preparation(prepared):
        wait_for(lambda: SERVED in prepared.said()[earlier:])
        assert prepared.get("/en/")[0] == 200
        newsroom = threads.submit(prepared.get, "/admin/login/")
        wait_for(lambda: running(prepared, "statuspage.django_process"))
        assert not newsroom.done()
    assert newsroom.result()[0] == 200
    wait_for(lambda: "Ctrl-C" in prepared.said()[earlier:])
    said = prepared.said()[earlier:]
    assert f"{SERVED}{prepared.url}/da/  {prepared.url}/en/\nPreparing the newsroom …\n" in said
    assert said.index("Starting …") < said.index(SERVED) < said.index("  Page ")


def test_newsroom_is_not_served_after_a_preparation_that_failed(prepared: Product, threads: ThreadPoolExecutor) -> None:
    earlier = len(prepared.said())
    with long_preparation(prepared):
        wait_for(lambda: SERVED in prepared.said()[earlier:])
        newsroom = threads.submit(prepared.get, "/admin/login/")
        wait_for(lambda: running(prepared, "statuspage.django_process"))
        [process] = running(prepared, "statuspage.local.prepare_data")
        os.kill(process, signal.SIGKILL)
        assert prepared.process.wait(90) == 1
    assert newsroom.exception() or newsroom.result()[0] == 503
    wait_for(lambda: not processes.of_folder(prepared.folder))


def written_by_another_version(product: Product) -> None:
    (product.folder / "public" / ".written-by").write_text("another", encoding="utf-8")


def prepared_by_another_version(product: Product) -> None:
    (product.folder / FILE).write_text("another", encoding="utf-8")


def prepared_with_other_settings(product: Product) -> None:
    product.variables["SITE_URL"] = "http://other.example"


def interrupted(product: Product) -> None:
    with long_preparation(product):
        product.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    "before",
    [written_by_another_version, prepared_by_another_version, prepared_with_other_settings, interrupted],
)
def test_page_waits_for_the_preparation(prepared: Product, before: Callable[[Product], None]) -> None:
    before(prepared)
    earlier = len(prepared.said())
    with long_preparation(prepared):
        assert not running(prepared, "granian")
    wait_for(lambda: "Ctrl-C" in prepared.said()[earlier:])
    assert SERVED not in prepared.said()[earlier:]
    assert prepared.get("/en/")[0] == 200


def test_preparation_counts_once_it_is_finished(tmp_path: Path) -> None:
    for version, is_repeated in [("a", False), ("a", True), ("b", False), ("b", True)]:
        with Preparation(tmp_path, version) as preparation:
            assert preparation.is_repeated is is_repeated
            preparation.finish()
        wait_until_prepared(tmp_path)
    with Preparation(tmp_path, "b"):
        pass
    with pytest.raises(SystemExit, match="start again"):
        wait_until_prepared(tmp_path)


def test_nothing_waits_where_nothing_is_prepared(tmp_path: Path) -> None:
    wait_until_prepared(tmp_path)
