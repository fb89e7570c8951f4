"""Wicked answers of a webhook's server: each is what its name says, and one post's matter."""

_STATUS_LINES = [
    b"HTTP/1.1 503 Busy", b"HTTP/1.0 429", b"HTTP/1.1 301 Moved", b"HTTP/1.9 500 \x00\xff", b"HTTP/1.1 599 ",
    b"HTTP/1.1 410\tGone", b"HTTP/2 503 Busy", b"HTTP/1.1 000 Zero", b"HTTP/1.1 1e3 High", b"http/1.1 503 Busy",
]  # fmt: skip
_HEADERS = [
    b"Retry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999999",
    b"Retry-After: Mon, 01 Jan 2024 99999999999999999999:00:00 GMT",
    b"Retry-After: Mon, 99 Jan 99999999999 00:00:00 GMT",
    b"Retry-After: Fri, 31 Dec 9999 23:59:59 -2359",
    b"Retry-After: Mon, 01 Jan 0000 00:00:00 GMT",
    b"Retry-After: ,,,, :::: ++++",
    b"Retry-After: -99999999999999999999",
    b"Retry-After: 1e308",
    b"Retry-After: NaN",
    b"Retry-After: \xb2\xb2",
    b"Retry-After: " + b"9" * 9_000,
    b"Retry-After: 5\r\nRetry-After: x",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999999",
    b"Transfer-Encoding: chunked, chunked, gzip",
    b"Content-Encoding: gzip, br, \x00",
    b"Content-Type: text/html; charset=\xff",
    b"Location: http://169.254.169.254/",
    b"Location: //\x00@[::1",
    b"Date: Mon, 01 Jan 2024 00:00:00 +99999999999999999",
    b": no name\r\nno colon\r\n folded",
]
_BODIES = [b"", b"\x1f\x8b\x08" + b"\x00" * 500, b"FFFFFFFFFFFFFFFF\r\n", b"-1\r\n\r\n0\r\n\r\n"]

ANSWERS = [
    *(
        b"%b\r\n%b\r\n\r\n%b" % (line, header, _BODIES[(number + index) % len(_BODIES)])
        for number, line in enumerate(_STATUS_LINES)
        for index, header in enumerate(_HEADERS)
    ),
    b"HTTP/1.1 100 Continue\r\n\r\n" * 9_000,
    b"HTTP/1.1 199 X\r\n\r\n" * 3 + b"HTTP/1.1 503 Busy\r\n\r\n",
    b"HTTP/1.1 503 " + b"x" * 100_000,
    b"HTTP/1.1 503 Busy\r\nX: " + b"y" * 100_000,
    b"HTTP/1.1 503 Busy\r\n" + b"X: y\r\n" * 20_000,
    b"HTTP/1.1 503 Busy\r\n" + b"\r" * 100_000,
    b"HTTP/1.1 503 Busy",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 300,
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"* OK IMAP4rev1\r\n",
]
