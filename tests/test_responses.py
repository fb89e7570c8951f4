"""Of what a server sends, the status code and Retry-After are read, whatever the bytes are."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from incidents import responses
from incidents.responses import InvalidResponse, Response

quick = settings(max_examples=200, deadline=None, phases=[Phase.explicit, Phase.generate])


def sent(content: bytes, size: int = 4096) -> Callable[[], bytes]:
    """Return the content in pieces, and then the end of the connection."""
    pieces = iter([content[begin : begin + size] for begin in range(0, len(content), size)])
    return lambda: next(pieces, b"")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204)),
        (b"HTTP/1.0 200\r\n\r\n", Response(200)),
        (b"HTTP/1.1 599 \r\n\r\n", Response(599)),
        (b"HTTP/1.1 200 OK\nX: y\n\nbody", Response(200)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n", Response(410)),
        (b"HTTP/1.1 500 \x00\xff\x1b[31m\r\nX\x00: \xff\r\n\r\n", Response(500)),
        (b"HTTP/1.1 503 Busy\r\nRETRY-AFTER:120\r\n\r\n", Response(503, 120.0)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999999999\r\n\r\n", Response(503, 9_999_999_999.0)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n", Response(503, 0.0)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 +999999999999\r\n\r\n", Response(503)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: -1\r\n\r\n", Response(503)),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: \xb2\x00\r\n\r\n", Response(503)),
    ],
)
def test_status_code_and_retry_after_are_read(content: bytes, expected: Response) -> None:
    for size in (1, 7, 4096):
        assert responses.read(sent(content, size)) == expected


@pytest.mark.parametrize(
    "content",
    [
        *[b"HTTP/1.1 %d Odd\r\n\r\n" % code for code in (0, 9, 99, 600, 999, 1000, 70_000)],
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 20\xb2 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"\x00\x01 not http\r\n\r\n",
        b"220 mail.example ESMTP",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9_000,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 9_000,
        b"HTTP/1.1 200 " + b"x" * 20_000,
    ],
)
def test_anything_else_is_an_invalid_response(content: bytes) -> None:
    with pytest.raises(InvalidResponse):
        responses.read(sent(content))


@pytest.mark.parametrize("content", [b"", b"HT", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_response_that_ends_early_is_a_closed_connection(content: bytes) -> None:
    with pytest.raises(ConnectionError):
        responses.read(sent(content))


LINES = st.one_of(
    st.sampled_from([b"HTTP/1.1 ", b"HTTP/1.1 200 OK", b"HTTP/1.1 100 ", b"Retry-After: ", b"\r\n", b"\n", b"9" * 30]),
    st.binary(max_size=40),
    st.integers().map(lambda number: b"%d" % number),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S +9999").encode()),
)


@quick
@given(st.lists(LINES, max_size=30).map(b"".join), st.integers(1, 50))
def test_no_bytes_end_in_any_other_way(content: bytes, size: int) -> None:
    try:
        response = responses.read(sent(content, size))
    except (InvalidResponse, ConnectionError):
        return
    assert 200 <= response.code <= 599
    assert response.retry_after is None or response.retry_after >= 0
