"""All spellings of an address are one subscriber and one mailbox."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from incidents.identity import canonical
from incidents.models import Delivery, Subscriber
from incidents.subscriptions import addresses, budget, erasure, lifecycle
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_subscriber
from tests.subscriptions.visitor import Visitor, text

pytestmark = pytest.mark.django_db

KIM = "kim.nielsen@example.dk"
# The last three have a dotless i (U+0131).
SPELLINGS = [
    KIM, "KIM.Nielsen@Example.DK", "ｋｉｍ.nielsen＠example.dk",
    "kım.nielsen@example.dk", "kım.nıelsen@example.dk", "kim.nıelsen@example.dk",
]  # fmt: skip


@pytest.mark.parametrize("offers_utf8", [False, True])
def test_spellings_of_an_address_get_one_message_in_all(anna: Visitor, settings: object, offers_utf8: bool) -> None:
    settings.EMAIL_SMTPUTF8 = offers_utf8  # type: ignore[attr-defined]
    for spelling in SPELLINGS:
        anna.sign_up(spelling)
    assert Subscriber.objects.count() == Delivery.objects.count() == 1
    assert Subscriber.objects.get().canonical_address == KIM


def test_address_that_cannot_be_written_to_is_refused_with_the_reason(anna: Visitor, ben: Visitor) -> None:
    assert "kan kun skrive til adresser med almindelige bogstaver (a–z) før @" in text(anna.sign_up("søren@example.dk"))
    answer = ben.sign_up("søren@example.dk")
    assert answer.status_code == 422
    assert "can only write to addresses with plain letters (a–z) before the @" in text(answer)


@pytest.mark.parametrize(
    ("typed", "stored", "identity"),
    [
        ("Søren@blåbær.dk", "Søren@xn--blbr-roah.dk", "søren@xn--blbr-roah.dk"),
        ("so\u0308ren+a@example.dk", "sören+a@example.dk", "sören+a@example.dk"),
        ("Рука@почта.рф", "Рука@xn--80a1acny.xn--p1ai", "рука@xn--80a1acny.xn--p1ai"),
        ("иванов@example.com", "иванов@example.com", "иванов@example.com"),
        ("νίκος@example.gr", "νίκος@example.gr", "νίκοσ@example.gr"),
        ("田中たろう@example.jp", "田中たろう@example.jp", "田中たろう@example.jp"),
    ],
)
def test_other_letters_are_accepted_where_the_mail_server_can_write_to_them(
    settings: object, typed: str, stored: str, identity: str
) -> None:
    settings.EMAIL_SMTPUTF8 = True  # type: ignore[attr-defined]
    assert addresses.normalise(typed) == stored
    assert addresses.normalise(stored) == stored
    assert canonical(stored) == identity


@pytest.mark.parametrize(
    "local",
    ["kım", "İan", "ſam", "\u212aim", "straße", "kіm", "аррӏе", "ﬁona", "anna²", "💩", "a\u0337nna", "anna·bo",
     "\u212bse", "ɑnna", "anna\u200d", "я" * 33],
)  # fmt: skip
def test_letters_that_can_be_mistaken_are_refused(settings: object, local: str) -> None:
    settings.EMAIL_SMTPUTF8 = True  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        addresses.normalise(f"{local}@example.dk")


def test_domain_with_sharp_s_is_neither_refused_nor_another_domain(anna: Visitor) -> None:
    assert "anna@faß.de" in text(anna.sign_up("Anna@FAẞ.de".replace("A", "a", 1)))
    assert Subscriber.objects.get().address == "anna@xn--fa-hia.de"
    assert not Subscriber.objects.by_mail("anna@fass.de").exists()
    assert Subscriber.objects.by_mail("ANNA@faß.de").exists()


def test_domain_that_looks_like_another_is_shown_encoded(anna: Visitor) -> None:
    page = text(anna.sign_up("anna@аррӏе.com"))
    assert "anna@xn--80ak6aa92e.com" in page
    assert "аррӏе" not in page


def test_webhooks_are_found_by_any_spelling_of_their_owner() -> None:
    hook = make_subscriber("https://example.dk/Hook", channel="webhook", owner="Anna@faß.de")
    assert Subscriber.objects.webhooks_of("ANNA@xn--fa-hia.de").get() == hook
    assert not Subscriber.objects.webhooks_of("").exists()
    assert not Subscriber.objects.by_mail("anna@xn--fa-hia.de").exists()


def test_database_holds_one_row_for_an_address() -> None:
    make_subscriber(KIM)
    make_subscriber("https://example.dk/hook", channel="webhook", owner=KIM)
    for address, fields in [
        (KIM.upper(), {}),
        ("https://example.dk/hook", {"channel": "webhook", "owner": KIM.title()}),
    ]:
        with pytest.raises(IntegrityError), transaction.atomic():
            make_subscriber(address, **fields)
    make_subscriber("https://example.dk/Hook", channel="webhook", owner=KIM)


def test_database_refuses_an_address_without_its_canonical_form() -> None:
    subscriber = make_subscriber()
    for fields in ({"canonical_address": ""}, {"address": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Subscriber.objects.filter(pk=subscriber.pk).update(state="unsubscribed", **fields)


def test_erased_address_is_recognised_in_any_spelling_and_by_keys_of_the_former_version() -> None:
    erasure.erase_idle(make_subscriber("Kim.Nielsen@Example.dk"))
    erased = Subscriber.objects.get()
    assert (erased.address, erased.canonical_address) == ("", "")
    assert erased.erased_key == lifecycle.erased_key(KIM.upper()) == lifecycle.erased_key(KIM)


def test_new_subscriber_of_a_verb_has_its_canonical_form() -> None:
    subscriber = lifecycle.start_opt_in(None, "Kim@example.dk", Choices("da"))
    assert subscriber.canonical_address == "kim@example.dk"


def test_spellings_share_the_budget_of_their_mailbox() -> None:
    assert budget.mailbox_key("νίκος@example.gr") == budget.mailbox_key("ΝΊΚΟΣ@example.gr")
    assert addresses.mailbox("Søren+a@FAẞ.de") == addresses.mailbox("SØREN@xn--fa-hia.de")
