"""Every invalid input gets a clear answer in the reader's language, and nothing is partly stored."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.models import Delivery, Subscriber
from incidents.subscriptions import addresses
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, manage_token, text, unsubscribe_token

pytestmark = pytest.mark.django_db

BAD_ADDRESSES = [
    "", "   ", "anna", "anna@", "@example.dk", "anna@example", "anna@localhost", "anna example.dk", "a b@example.dk",
    "anna@exam ple.dk", "anna@@example.dk", "anna@example..dk", ".anna@example.dk", "anna@example.dk\nBcc: x@ex.dk",
    "anna@example.dk\r\n", "anna\0@example.dk", '"anna"@example.dk', '"a>b"@example.dk', "anna@[127.0.0.1]",
    "anna@[::1]",     "Anna <anna@example.dk>", "anna@example.dk, bo@example.dk", "anna@-example.dk",
    "ånna@example.dk", "ıan@example.dk", "\u212aim@example.dk", "i\u0307an@example.dk", "anna@💩.la",
    "a" * 65 + "@example.dk", "anna@" + "a" * 64 + ".dk", "anna@" + "a." * 130 + "dk", "anna@" + "x" * 400,
    "anna@\u202eexample.dk", "anna@xn--\ud800.dk".encode("utf-8", "replace").decode(), "💩@💩",
]  # fmt: skip


@pytest.mark.parametrize("address", [bad for bad in BAD_ADDRESSES if bad.strip() != "anna@example.dk"])
def test_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        addresses.normalise(address)


@pytest.mark.parametrize("address", ["", "anna", "anna@example.dk\nBcc: x@ex.dk", "anna@" + "x" * 400])
def test_form_with_an_invalid_address_marks_the_field(anna: Visitor, address: str) -> None:
    answer = anna.sign_up(address)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'role="alert"' in page
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="id_address_error"' in page
    assert not Subscriber.objects.exists()
    assert not Delivery.objects.exists()


def test_refused_form_keeps_its_input(ben: Visitor) -> None:
    answer = ben.sign_up("anna@", language="da", wants_maintenance="")
    page = answer.content.decode()
    assert 'value="anna@"' in page
    assert '<input type="radio" name="language" value="da" checked>' in page
    assert 'id="id_wants_incidents" checked' in page
    assert 'id="id_wants_maintenance">' in page
    assert page.startswith("<!doctype html>")
    assert "<title>Problem:" in page


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" anna@Example.DK ", "anna@example.dk"),
        ("Anna.B+status@example.dk", "Anna.B+status@example.dk"),
        ("anna@blåbærgrød.dk", "anna@xn--blbrgrd-fxak7p.dk"),
        ("ａnna@example.dk", "anna@example.dk"),
        ("\u2068anna@example.dk\u2069\u200b", "anna@example.dk"),  # as copied from some pages
        ("anna@xn--blbrgrd-fxak7p.dk", "anna@xn--blbrgrd-fxak7p.dk"),
        ("anna@straße.de", "anna@xn--strae-oqa.de"),
    ],
)
def test_address_is_stored_in_one_form(anna: Visitor, typed: str, stored: str) -> None:
    assert anna.sign_up(typed).status_code == 200
    assert Subscriber.objects.get().address == stored


def test_internationalised_address_is_shown_decoded(anna: Visitor) -> None:
    assert "anna@blåbærgrød.dk" in text(anna.sign_up("anna@blåbærgrød.dk"))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80) | st.emails() | st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=20)))
def test_address_is_refused_or_safe_in_an_email_header(typed: str) -> None:
    try:
        address = addresses.normalise(typed)
    except ValidationError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' <>",;:\\[]()')
    assert address.count("@") == 1
    assert len(address) <= 254
    assert addresses.normalise(address) == address
    assert addresses.mailbox(address).count("@") == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["address", "language", "scope", "components", "wants_incidents", "stamp", "subject", "other"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
        | st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    )
)
def test_no_form_input_causes_a_server_error(ben: Visitor, fields: dict[str, object]) -> None:
    assert ben.post(ben.page("subscribe"), fields).status_code in {200, 422}
    assert ben.post(ben.page("request_manage_link"), fields).status_code in {200, 422}


def test_empty_form_names_the_missing_fields(ben: Visitor) -> None:
    said = text(ben.post(ben.page("subscribe")))
    assert "Enter your email address." in said
    assert "Choose what you want to be notified of" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"language": "fr"}, "This page has no language “fr”."),
        ({"language": "<script>"}, "This page has no language “&lt;script&gt;”."),
        ({"scope": "none"}, "Choose all systems, or choose some."),
        ({"scope": "some"}, "Choose at least one system"),
        ({"scope": "some", "components": ["nosuchsystem", "\0"]}, "One of the systems is no longer on this page."),
        ({"wants_incidents": "", "wants_maintenance": ""}, "Choose what you want to be notified of"),
        ({"subject": "Buy now"}, "A hidden field was filled in"),
    ],
)
def test_invalid_choice_is_refused_with_a_message(ben: Visitor, fields: dict[str, Any], said: str) -> None:
    answer = ben.sign_up(**fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Subscriber.objects.exists()


def test_form_sent_too_quickly_is_refused_and_can_be_sent_again(ben: Visitor) -> None:
    stamp = ben.stamp()
    ben.clock.shift(-4)
    answer = ben.sign_up(stamp=stamp)
    assert answer.status_code == 422
    assert "That was very quick." in text(answer)
    assert f'name="stamp" value="{stamp}"' in answer.content.decode()
    ben.clock.shift(3)
    assert ben.sign_up(stamp=stamp).status_code == 200


@pytest.mark.parametrize("stamp", ["", "forged", "a~b~c"])
def test_form_without_a_genuine_stamp_gets_a_new_one(ben: Visitor, stamp: str) -> None:
    answer = ben.sign_up(stamp=stamp)
    assert answer.status_code == 422
    assert "Please send it again" in text(answer)
    assert 'name="stamp" value=""' not in answer.content.decode()


def test_form_left_open_overnight_works_when_sent_again(ben: Visitor) -> None:
    old = ben.stamp()
    ben.clock.shift(25 * 60 * 60)
    assert ben.sign_up(stamp=old).status_code == 422
    assert ben.sign_up().status_code == 200


@pytest.mark.parametrize("name", ["confirm", "unsubscribe", "manage", "erase", "data"])
def test_invalid_token_gets_an_explanation_and_changes_nothing(ben: Visitor, name: str) -> None:
    for token in ("x", "a~b~c", "æøå", "%00", "a:1~1~1", "." * 2000, "<script>", "TOKEN"):
        answer = ben.post(ben.page(name, "TOKEN").replace("TOKEN", token))
        assert answer.status_code == 404, token
        assert "The link does not work" in text(answer), token
    assert "The link does not work" in text(ben.get(ben.page(name, "x")))


def test_token_with_one_changed_character_is_invalid(ben: Visitor) -> None:
    subscriber = make_subscriber()
    token = unsubscribe_token(subscriber)
    for place in range(0, len(token), 4):
        changed = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
        assert ben.post(ben.page("unsubscribe", changed)).status_code == 404
    subscriber.refresh_from_db()
    assert subscriber.state == "active"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("name", ["subscribe", "request_manage_link", "unsubscribe", "confirm", "manage"])
def test_wrong_method_gets_an_explanation(ben: Visitor, name: str, method: str) -> None:
    subscriber = make_subscriber()
    tokens = {"unsubscribe": [unsubscribe_token(subscriber)], "confirm": ["x"], "manage": [manage_token(subscriber)]}
    answer = getattr(ben.client, method)(ben.page(name, *tokens.get(name, [])))
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert "This address cannot be used like this" in text(answer)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"address": "anna@example.dk"}'),
        ("text/plain", b"address=anna@example.dk"),
        ("application/x-www-form-urlencoded", b"address=%ff%fe&language=%00"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"address=anna@example.dk"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"without boundary"),
        ("", b"address=anna@example.dk"),
    ],
)
def test_body_in_another_format_is_refused(ben: Visitor, content_type: str, body: bytes) -> None:
    answer = ben.client.generic("POST", ben.page("subscribe"), body, content_type=content_type)
    assert answer.status_code in {400, 422}
    assert not Subscriber.objects.exists()


def test_huge_form_is_refused(ben: Visitor) -> None:
    answer = ben.client.post(ben.page("subscribe"), {"address": "a" * 3_000_000})
    assert answer.status_code in {400, 413, 422}
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(("language", "said"), [("en", "This page does not exist"), ("da", "Siden findes ikke")])
def test_unknown_language_in_the_url_is_answered_in_the_readers_language(
    ben: Visitor, language: str, said: str
) -> None:
    answer = ben.get("/xx/subscribe/", HTTP_ACCEPT_LANGUAGE=language)
    assert answer.status_code == 404
    assert said in text(answer)


def test_truncated_or_oversized_form_gets_an_explanation(ben: Visitor) -> None:
    path = ben.page("subscribe")
    crowded = ben.client.post(path, {f"field{number}": "x" for number in range(2000)})
    cut_off = ben.client.generic("POST", path, b"--x\r\nnonsense", content_type="multipart/form-data")
    for answer in (crowded, cut_off):
        assert answer.status_code == 400
        assert "The form could not be read" in answer.content.decode()
