"""As many connections as the relay takes."""

from incidents.notifications.sender.concurrency import ConnectionLimit


def limit_with(maximum: int, *, running: int, known: int | None = None) -> ConnectionLimit:
    relay = ConnectionLimit(maximum, known)
    relay.record_reply()
    relay.running = relay.open = running
    return relay


def test_one_connection_until_the_relay_has_answered() -> None:
    relay = ConnectionLimit(20)
    assert relay.wanted == 1
    relay.record_reply()
    assert relay.wanted == 20


def test_refused_connections_leave_as_many_as_were_opened() -> None:
    relay = limit_with(20, running=20)
    relay.open = 4
    for _refused in range(16):
        assert not relay.record_refused_connection()
        relay.running -= 1
    assert (relay.limit, relay.learned) == (4, 4)


def test_relay_that_takes_no_connection_is_failing_and_keeps_its_number() -> None:
    relay = ConnectionLimit(20)
    relay.running = 1
    assert relay.record_refused_connection()
    assert relay.learned is None


def test_request_for_fewer_connections_halves_them_once() -> None:
    relay = limit_with(16, running=16)
    for _connection in range(16):
        relay.record_too_many()
    assert relay.limit == 8
    for _message in range(8):
        relay.record_acceptance()
    relay.record_too_many()
    assert relay.limit == 4


def test_number_grows_by_one_while_messages_are_accepted_up_to_the_configured_one() -> None:
    relay = limit_with(6, running=4, known=4)
    assert relay.wanted == 4
    for _message in range(100):
        relay.record_acceptance()
    assert relay.wanted == 5
    for _message in range(400):
        relay.record_acceptance()
    assert (relay.wanted, relay.learned) == (6, None)


def test_connections_beyond_the_limit_are_surplus() -> None:
    relay = limit_with(6, running=4, known=3)
    assert relay.has_too_many
    relay.running = 3
    assert not relay.has_too_many


def test_relay_that_fails_five_times_in_a_row_is_failing() -> None:
    relay = limit_with(6, running=6)
    failures = [relay.record_failure(is_refusal=True) for _ in range(5)]
    assert failures == [False, False, False, False, True]
    relay.record_acceptance()
    assert not relay.record_failure(is_refusal=True)


def test_first_refusal_of_a_relay_that_has_not_answered_counts_but_a_lost_connection_does_not() -> None:
    assert ConnectionLimit(6).record_failure(is_refusal=True)
    assert not ConnectionLimit(6).record_failure(is_refusal=False)


def test_last_connection_that_is_one_too_many_sends_more_slowly_until_a_message_is_accepted() -> None:
    relay = limit_with(6, running=1, known=1)
    pauses = []
    for _message in range(6):
        relay.record_too_many()
        pauses.append(relay.pause)
    assert pauses == [1, 2, 4, 8, 16, 30]
    relay.record_acceptance()
    assert relay.pause == 0
