from datetime import UTC, datetime

import pytest
import time_machine
from django.core import signing
from pytest_django import Settings

from incidents.links import Purpose, sign, sign_bounce, signed_at, unsign_bounce

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("purpose", Purpose)
def test_tokens_are_those_of_the_timestamp_signer_of_django(purpose: Purpose) -> None:
    with time_machine.travel(NOW, tick=False):
        expected = signing.TimestampSigner(salt=purpose, sep="~").sign("hæfte:3")
        assert sign(purpose, "hæfte:3") == sign(purpose, "hæfte:3", NOW) == expected
    assert signed_at(expected) == NOW


def test_bounce_address_identifies_its_delivery_and_cannot_be_forged() -> None:
    token = sign_bounce(123_456)
    assert unsign_bounce(token) == unsign_bounce(token.upper()) == 123_456
    for forged in ("", "123456", "123457-" + token.partition("-")[2], token[:-1], "¹-æøå", "x-y", f" {token}"):
        assert unsign_bounce(forged) is None


def test_bounce_address_survives_a_rotation_of_the_key(settings: Settings) -> None:
    token = sign_bounce(7)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert unsign_bounce(token) == 7
    settings.SECRET_KEY_FALLBACKS = []
    assert unsign_bounce(token) is None
