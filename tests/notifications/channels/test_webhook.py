"""Whatever the server of a webhook sends, the result is a reply with a reason in our own words."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from incidents.notifications.channels import webhook
from incidents.notifications.channels.base import Busy, ChannelError, Gone, Reply, Scope
from tests.support.receiver import Receiver

OURS = {"The host did not answer in HTTP.", "The host closed the connection without an answer."}
quick = hypothesis(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _allow_localhost(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def replied(receiver: Receiver, content: bytes, *, is_chat: bool = False) -> Reply | ChannelError:
    receiver.says = lambda _posted: content
    try:
        return webhook.deliver(receiver.url, b"{}", {}, is_chat=is_chat)
    except ChannelError as error:
        return error


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"HTTP/1.1 404 <script>\x00\r\n\r\n", "404 Not Found"),
        (b"HTTP/1.1 299 Who knows\r\n\r\n", "299 Successful"),
        (b"HTTP/1.1 399 Who knows\r\n\r\n", "399 Redirection"),
        (b"HTTP/1.1 499 Who knows\r\n\r\n", "499 Client Error"),
        (b"HTTP/1.1 520 Who knows\r\n\r\n", "520 Server Error"),
        (b"HTTP/1.1 70000 Who knows\r\n\r\n", "The host did not answer in HTTP."),
        (b"\x00\x01 not http\r\n\r\n", "The host did not answer in HTTP."),
        (b"", "The host closed the connection without an answer."),
    ],
)
def test_text_of_a_reply_is_ours(receiver: Receiver, content: bytes, said: str) -> None:
    found = replied(receiver, content)
    assert str(found.reply if isinstance(found, ChannelError) else found) == said


@quick
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda rest: b"HTTP/1.1 " + rest + b"\r\n\r\n"),
        st.tuples(st.integers(0, 70_000), st.binary(max_size=100)).map(lambda pair: b"HTTP/1.1 %d %s\r\n\r\n" % pair),
        st.integers(0, 3_000).map(lambda number: b"HTTP/1.1 103 Hints\r\n\r\n" * number),
    )
)
def test_no_bytes_of_a_server_get_further_than_its_status_code(receiver: Receiver, content: bytes) -> None:
    found = replied(receiver, content)
    reply = found.reply if isinstance(found, ChannelError) else found
    if reply.code:
        assert 200 <= reply.code <= 599
        assert b" %d" % reply.code in content
        assert reply.text == webhook._phrase(reply.code) != ""
    else:
        assert isinstance(found, Busy)
        assert reply.text in OURS


def test_missing_page_means_the_end_for_a_chat_only(receiver: Receiver) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\n\r\n"
    assert isinstance(replied(receiver, missing), Busy)
    assert isinstance(replied(receiver, missing, is_chat=True), Gone)


def test_network_that_was_closed_since_is_a_reason(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = []
    with pytest.raises(Busy, match="no longer called") as error:
        webhook.deliver("https://127.0.0.1/hook", b"{}", {}, is_chat=False)
    assert error.value.scope is Scope.DESTINATION
