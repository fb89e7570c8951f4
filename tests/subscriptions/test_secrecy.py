"""No answer tells a stranger who subscribes, and no page tells anybody who reads it (STANDARDS P5, M1)."""

import pytest

from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, confirmation, manage_link, text, unsubscription

pytestmark = pytest.mark.django_db

STATES = ["", "pending", "active", "suspended", "unsubscribed", "limited"]


def prepared(anna: Visitor, state: str) -> Visitor:
    if state == "limited":
        anna.sign_up()
    elif state:
        make_subscriber("anna@example.dk", state=state)
    return anna


@pytest.mark.parametrize("state", STATES)
def test_sign_up_answers_the_same_whatever_is_known(anna: Visitor, state: str) -> None:
    unknown = anna.sign_up("nobody@example.dk")
    answer = prepared(anna, state).sign_up()
    assert answer.status_code == unknown.status_code == 200
    assert answer.content == unknown.content.replace(b"nobody@", b"anna@")
    differ = {"Content-Length"}
    assert {name: value for name, value in answer.items() if name not in differ} == {
        name: value for name, value in unknown.items() if name not in differ
    }


@pytest.mark.parametrize("state", STATES)
def test_request_for_a_link_answers_the_same_whatever_is_known(anna: Visitor, state: str) -> None:
    path = anna.page("request_manage_link")
    unknown = anna.post(path, {"address": "nobody@example.dk"})
    answer = prepared(anna, state).post(path, {"address": "anna@example.dk"})
    assert answer.status_code == unknown.status_code == 200
    assert answer.content == unknown.content.replace(b"nobody@", b"anna@")


@pytest.mark.parametrize("name", ["confirm", "unsubscribe", "manage", "erase"])
def test_page_behind_a_link_is_kept_and_passed_on_by_nobody(anna: Visitor, name: str) -> None:
    subscriber = make_subscriber()
    tokens = {"confirm": confirmation, "unsubscribe": unsubscription, "manage": manage_link, "erase": manage_link}
    answer = anna.get(anna.page(name, tokens[name](subscriber)))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert '<meta name="robots" content="noindex">' in answer.content.decode()


def test_sign_up_form_may_be_found_and_is_not_kept(anna: Visitor) -> None:
    answer = anna.get(anna.page("subscribe"))
    assert "noindex" not in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_address_alone_opens_nothing(anna: Visitor) -> None:
    make_subscriber("anna@example.dk")
    assert "a…" not in text(anna.get(anna.page("manage", "anna@example.dk")))
