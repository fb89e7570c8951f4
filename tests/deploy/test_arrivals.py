"""What the tests of an upgrade count as notified, lost or sent twice."""

from email.message import EmailMessage

from harness.smtp_server import Received, ScriptedServer
from harness.upgrading import Arrivals, subscriber

POSTED = [f"This is update number {number}." for number in range(9)]


def received(newest: int, left_out: int, *, repeated: int = 5, recipient: int = 0, message_id: str = "") -> Received:
    message = EmailMessage()
    message["Message-ID"] = message_id or f"<{newest}.{recipient}@example.dk>"
    lines = [POSTED[newest], *reversed(POSTED[max(newest - repeated, 0) : newest])]
    if left_out:
        lines.append(f"{left_out} earlier update{'s are' if left_out > 1 else ' is'} on the page.")
    message.set_content("\n".join(lines))
    return Received(subscriber(recipient), message.as_bytes())


def missing(*messages: Received, subscribers: int = 1) -> int:
    return Arrivals(ScriptedServer(received=list(messages)), POSTED, subscribers).missing()


def test_late_message_counts_for_the_updates_that_it_repeats_and_for_those_it_says_the_page_has() -> None:
    assert missing(received(8, left_out=4)) == 0


def test_message_that_says_nothing_of_older_updates_does_not_count_for_them() -> None:
    assert missing(received(8, left_out=0)) == 3


def test_message_that_says_a_wrong_number_does_not_count_for_older_updates() -> None:
    assert missing(received(8, left_out=3)) == 3


def test_update_after_the_last_message_is_missing() -> None:
    assert missing(received(7, left_out=3)) == 1
    assert missing(received(5, left_out=1), received(7, left_out=3)) == 1


def test_message_to_another_subscriber_does_not_count() -> None:
    assert missing(received(8, left_out=4, recipient=1), subscribers=2) == len(POSTED)


def test_message_that_is_recorded_as_sent_and_has_not_arrived_is_lost() -> None:
    arrivals = Arrivals(ScriptedServer(received=[received(8, left_out=4, message_id="<one>")]), POSTED, 1)
    assert arrivals.missing() == 0
    assert arrivals.lost(["<one>", "<other>"]) == 1


def test_second_copy_of_a_message_is_a_duplicate() -> None:
    messages = [received(7, left_out=3), received(8, left_out=4), received(8, left_out=4)]
    assert Arrivals(ScriptedServer(received=messages), POSTED, 1).duplicates() == 1
