"""Headers of any text: two independent decoders return exactly what was encoded (RFC 2047)."""

import re
from base64 import b64decode
from email import policy
from email.header import decode_header
from email.utils import parseaddr
from quopri import decodestring
from random import Random

import fast_mail_parser
import pytest

from incidents.notifications.messages import encoded_words, mime

DANISH = (
    "Forsinkelser på indgående e-mail til Microsoft 365 øjeblikket nedbrud adgang påvirker kunder i Århus Øst "
    "blåbærgrød vedligeholdelse af lager træk søger løst – igen, hurtigst muligt (ca. 10 %) „fejl“ é ü ß"
).split()
ENGLISH = (
    "Outage of the control panel: some customers cannot sign in; mail delayed, DNS resolved & verified - "
    'database "primary" failover [eu-west-1] 50% #42 a=b _under_ a? ?= = https://status.example.com/?q=a%20b&c=d'
).split()
OTHER = [
    "🚨", "👩‍👩‍👧‍👦", "🇩🇰", "é", "å̊", "漢字", "Ελλάδα", "данные", "עברית", "=?utf-8?q?x?=", "=?", "?=", "a" * 90,
    "ø" * 80, "🔥" * 40, "x" * 60, "y" * 61, "=?iso-8859-1?B?eA==?=",
]  # fmt: skip


def titles(count: int) -> list[str]:
    """Return titles of up to 250 characters, the same at every run."""
    random = Random(2047)
    found = []
    for _number in range(count):
        words = random.choices(
            random.choice([DANISH, ENGLISH, DANISH + ENGLISH]), k=random.choice([1, 2, 3, 4, 5, 6, 8, 10, 30])
        )
        for _other in range(random.choice([0, 0, 1, 3])):
            words.insert(random.randint(0, len(words)), random.choice(OTHER))
        found.append(random.choice([" ", " ", " ", "  ", "\N{NO-BREAK SPACE}"]).join(words)[:250].strip() or "x")
    return found


def decoded(header: str, name: str = "Subject") -> set[str]:
    """Return the values that the decoders read; of one decoder, two ways."""
    content = (header + "\r\n").encode("ascii")
    return {
        str(policy.default.header_factory(name, unfolded(header))),
        joined(unfolded(header)),
        fast_mail_parser.parse_email(content).headers[name][0],
    }


def unfolded(header: str) -> str:
    """Return the value of a header on one line (RFC 5322 §2.2.3)."""
    return header.partition(": ")[2].removesuffix("\r\n").replace("\r\n ", " ")


def joined(value: str) -> str:
    """Return a value as decoded by Python's older function, without the spaces that `make_header` adds."""
    chunks = decode_header(value)
    return "".join(raw if isinstance(raw, str) else raw.decode(charset or "ascii") for raw, charset in chunks)


def check_form(header: str) -> None:
    lines = header.removesuffix("\r\n").split("\r\n")
    assert max(map(len, lines)) <= encoded_words.LINE
    assert all(line.strip() == line[1:] and line.startswith(" ") for line in lines[1:])
    for line in lines:
        for token in line.split(" "):
            if not token.startswith("=?"):
                assert "=?" not in token
                continue
            found = re.fullmatch(r"=\?utf-8\?([bq])\?([!->@-~]+)\?=", token)
            assert found is not None
            assert len(token) <= 75
            raw = b64decode(found[2]) if found[1] == "b" else decodestring(found[2].replace("_", " "))
            raw.decode()  # no character is split between two words


def test_subjects_of_any_text_are_decoded_to_exactly_that_text() -> None:
    for title in titles(10_000):
        header = encoded_words.unstructured("Subject", title)
        check_form(header)
        assert decoded(header) == {title}, title


@pytest.mark.parametrize(
    "title",
    [
        "Webmail er langsomt for kunder på Sjælland, Fyn og øerne",
        "Forsinkelser på indgående e-mail til Microsoft 365",
        "Mails leveres i øjeblikket på grund af en fejl med forsinkelse",
    ],
)
def test_titles_that_lost_or_gained_spaces_no_longer_do(title: str) -> None:
    for page in ("Nordhost driftsstatus", "Ærø", "N"):
        subject = f"[{page}] {title}"
        assert decoded(encoded_words.unstructured("Subject", subject)) == {subject}


@pytest.mark.parametrize("text", ["", " ", "a", " a", "a ", "a  b", "  ", " ø ", "a" * 61, "=?utf-8?q?x?=", "a =?b c"])
def test_spaces_at_the_ends_and_in_a_row_are_kept(text: str) -> None:
    header = encoded_words.unstructured("Subject", text)
    assert decoded(header) == {text}


def test_ascii_stays_readable() -> None:
    assert (
        encoded_words.unstructured("Subject", "[Nordhost] Mail is delayed") == "Subject: [Nordhost] Mail is delayed\r\n"
    )
    header = encoded_words.unstructured("Subject", "[Nordhost status] Forsinkelser på indgående mail til kunder")
    assert header == (
        "Subject: [Nordhost status] Forsinkelser =?utf-8?q?p=C3=A5_indg=C3=A5ende?=\r\n mail til kunder\r\n"
    )


def test_long_ascii_is_folded_at_spaces() -> None:
    text = " ".join(["delayed"] * 30)
    header = encoded_words.unstructured("Subject", text)
    check_form(header)
    assert header.replace("\r\n ", " ") == f"Subject: {text}\r\n"


def names() -> list[str]:
    rare = [
        "Nordhost",
        "Nordhost (status)",
        "a" * 60,
        "Nord.host A/S",
        "Ærø",
        "=?utf-8?q?x?=",
        "a" * 75,
        "",
        "x" * 30 + " [y]",
    ]
    return rare + [mime.display_name(title) for title in titles(500)]


def test_display_names_are_decoded_to_exactly_that_name() -> None:
    for name in names():
        header = encoded_words.mailbox("From", name, "status@example.dk")
        check_form(re.sub(r'"[^"]*"', "", header))
        phrase, address = parseaddr(unfolded(header))
        assert (joined(phrase), address) == (name, "status@example.dk")
        read = fast_mail_parser.parse_email((header + "\r\n").encode()).headers["From"][0]
        assert read.removesuffix("<status@example.dk>").strip().removeprefix('"').removesuffix('"') == name


def test_plain_display_names_are_not_encoded() -> None:
    assert encoded_words.mailbox("From", "Nordhost status", "a@b.dk") == "From: Nordhost status <a@b.dk>\r\n"
    assert encoded_words.mailbox("From", "Nordhost A/S.", "a@b.dk") == 'From: "Nordhost A/S." <a@b.dk>\r\n'
    assert encoded_words.mailbox("From", "", "a@b.dk") == "From: <a@b.dk>\r\n"
