"""No response reveals who subscribes, and no page reveals its reader (STANDARDS P5, M1)."""

import pytest

from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, confirmation_token, manage_token, text, unsubscribe_token

pytestmark = pytest.mark.django_db

STATES = ["", "pending", "active", "suspended", "unsubscribed", "limited"]


def prepared(anna: Visitor, state: str) -> Visitor:
    if state == "limited":
        anna.sign_up()
    elif state:
        make_subscriber("anna@example.dk", state=state)
    return anna


@pytest.mark.parametrize("state", STATES)
def test_sign_up_response_is_the_same_for_every_address(anna: Visitor, state: str) -> None:
    unknown = anna.sign_up("nobody@example.dk")
    answer = prepared(anna, state).sign_up()
    assert answer.status_code == unknown.status_code == 200
    assert answer.content == unknown.content.replace(b"nobody@", b"anna@")
    differ = {"Content-Length"}
    assert {name: value for name, value in answer.items() if name not in differ} == {
        name: value for name, value in unknown.items() if name not in differ
    }


@pytest.mark.parametrize("state", STATES)
def test_manage_link_response_is_the_same_for_every_address(anna: Visitor, state: str) -> None:
    path = anna.page("request_manage_link")
    unknown = anna.post(path, {"address": "nobody@example.dk"})
    answer = prepared(anna, state).post(path, {"address": "anna@example.dk"})
    assert answer.status_code == unknown.status_code == 200
    assert answer.content == unknown.content.replace(b"nobody@", b"anna@")


@pytest.mark.parametrize("name", ["confirm", "unsubscribe", "manage", "erase"])
def test_page_behind_a_link_is_not_cached_indexed_or_sent_as_referrer(anna: Visitor, name: str) -> None:
    subscriber = make_subscriber()
    make_token = {"confirm": confirmation_token, "unsubscribe": unsubscribe_token}.get(name, manage_token)
    answer = anna.get(anna.page(name, make_token(subscriber)))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert '<meta name="robots" content="noindex">' in answer.content.decode()


def test_sign_up_form_may_be_indexed_and_is_not_cached(anna: Visitor) -> None:
    answer = anna.get(anna.page("subscribe"))
    assert "noindex" not in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_address_alone_gives_no_access(anna: Visitor) -> None:
    make_subscriber("anna@example.dk")
    assert "a…" not in text(anna.get(anna.page("manage", "anna@example.dk")))
