"""A host with several addresses is reached if any of them accepts a connection."""

import socket
from collections.abc import Iterator
from threading import BoundedSemaphore, Event

import pytest

from harness.waiting import PATIENCE
from incidents import dialling
from incidents.dialling import Deadline


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def dead(listening: socket.socket) -> Iterator[str]:
    """An address that does not answer at all: its queue of connections is full."""
    with socket.create_server(("127.0.0.2", port_of(listening)), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())
        yield "127.0.0.2"


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_families_alternate_in_the_order_of_the_resolver() -> None:
    assert dialling.interleave(["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"]) == [
        "::1", "1.1.1.1", "::2", "1.1.1.2", "::3",
    ]  # fmt: skip
    assert dialling.interleave(["1.1.1.1", "::1"]) == ["1.1.1.1", "::1"]
    assert len(dialling.interleave([f"1.1.1.{number}" for number in range(100)])) == dialling.MAX_ADDRESSES
    assert dialling.interleave([]) == []


def test_silent_address_does_not_keep_the_next_one_waiting(listening: socket.socket, dead: str) -> None:
    connection, address = dialling.connect_first([dead, "127.0.0.1"], port_of(listening), Deadline.after(30))
    connection.close()
    assert address == "127.0.0.1"


def test_silent_addresses_are_given_up_at_the_time_limit(listening: socket.socket, dead: str) -> None:
    with pytest.raises(TimeoutError):
        dialling.connect_first([dead, dead], port_of(listening), Deadline.after(0.5))


def test_address_that_refuses_is_followed_by_the_next_at_once(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "ATTEMPT_DELAY", 3600)
    addresses = ["127.0.0.3", "::1", "127.0.0.1"]
    connection, address = dialling.connect_first(addresses, port_of(listening), Deadline.after(30))
    connection.close()
    assert address == "127.0.0.1"


def test_error_is_that_of_the_last_address(listening: socket.socket) -> None:
    with pytest.raises(ConnectionRefusedError):
        dialling.connect_first(["127.0.0.2", "127.0.0.3"], port_of(listening), Deadline.after(30))


def test_error_of_the_resolver_is_raised() -> None:
    def fail(_host: str, _port: int) -> list[str]:
        raise UnicodeError("label too long")

    with pytest.raises(UnicodeError, match="label too long"):
        dialling.resolve(fail, "example.com", 443, Deadline.after(30))


def test_name_servers_that_never_answer_get_a_limited_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "_lookups", lookups := BoundedSemaphore(2))
    is_over, started = Event(), list[str]()

    def hang(host: str, _port: int) -> list[str]:
        started.append(host)
        is_over.wait()
        return ["1.1.1.1"]

    for number in range(5):
        with pytest.raises(TimeoutError):
            dialling.resolve(hang, f"host{number}.example", 443, Deadline.after(0.05))
    assert started == ["host0.example", "host1.example"]
    is_over.set()
    for _thread in started:
        assert lookups.acquire(timeout=PATIENCE)
    lookups.release(2)
    assert dialling.resolve(hang, "host.example", 443, Deadline.after(PATIENCE)) == ["1.1.1.1"]


def test_machine_resolves_its_own_name() -> None:
    assert "127.0.0.1" in dialling.resolve(dialling.addresses_of, "127.0.0.1", 443, Deadline.after(30))
