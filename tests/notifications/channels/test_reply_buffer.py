"""Replies from any bytes, in any pieces."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.notifications.channels.base import Reply
from incidents.notifications.channels.reply_buffer import MAX_OCTETS, BrokenReply, ReplyBuffer, parse


def replies_in(pieces: Iterable[bytes]) -> list[Reply]:
    buffer, found = ReplyBuffer(), []
    for piece in pieces:
        buffer.feed(piece)
        while (lines := buffer.take()) is not None:
            found.append(parse(lines))
    return found


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (b"250 2.0.0 OK\r\n", Reply(250, "2.0.0 OK")),
        (b"250\r\n", Reply(250, "")),
        (b"250 OK\n", Reply(250, "OK")),
        (b"550-5.1.1 No such\r\n550 5.1.1  user\r\n", Reply(550, "5.1.1 No such 5.1.1 user")),
        (b"250-\r\n250-a\r\n250 b\r\n", Reply(250, "a b")),
        ("550 Blåbær".encode() + b"\r\n", Reply(550, "Blåbær")),
        (b"550 Bl\xe5b\xe6r\r\n", Reply(550, "Bl�b�r")),
        (b"451 a\x00b\x07c\x1b[31md\x7f\r\n", Reply(451, "a b c [31md")),
        ("451 a\u202eb\u200fc\u2028d".encode() + b"\r\n", Reply(451, "a b c d")),
        (b"450 " + b"x" * 900 + b"\r\n", Reply(450, "x" * 500)),
    ],
)
def test_reply_is_one_line_of_printable_text(said: bytes, reply: Reply) -> None:
    assert replies_in([said]) == [reply]
    assert replies_in(said[at : at + 1] for at in range(len(said))) == [reply]


@pytest.mark.parametrize(
    "said",
    [
        b"\r\n",
        b"OK\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"25\r\n",
        b"2500 OK\r\n",
        b"250OK\r\n",
        b"999 No\r\n",
        b"199 No\r\n",
        b"-50 No\r\n",
        b"\xd9\xa2\xd9\xa5 OK\r\n",
        b"250-OK\r\n550 No\r\n",
        b"250-OK\r\nOK\r\n",
        b"\x00250 OK\r\n",
    ],
)
def test_anything_else_is_a_broken_reply(said: bytes) -> None:
    with pytest.raises(BrokenReply, match=r"^This is not an SMTP reply: [ -~�٢٥]*$"):
        replies_in([said])


@pytest.mark.parametrize("piece", [b"250-Go on\r\n", b"x", b"\n250-", b"250-" + b"x" * 300 + b"\r\n"])
def test_reply_without_end_costs_no_memory(piece: bytes) -> None:
    fed = 0

    def endless() -> Iterator[bytes]:
        nonlocal fed
        for _ in range(1_000_000):
            fed += len(piece)
            yield piece

    with pytest.raises(BrokenReply):
        replies_in(endless())
    assert fed <= MAX_OCTETS + len(piece)


@given(st.lists(st.binary(max_size=40)))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    assert outcome(pieces) == outcome([b"".join(pieces)])


def outcome(pieces: list[bytes]) -> list[Reply] | str:
    try:
        found = replies_in(pieces)
    except BrokenReply as error:
        return str(error)
    assert all(200 <= reply.code <= 599 and reply.text.isprintable() and len(reply.text) <= 500 for reply in found)
    return found
