"""The signed stamp in the sign-up form: when the form was fetched, and an id of this copy.

A person needs some seconds to fill in the form; a script does not. The stamp needs no
state on the server and identifies nobody.
"""

import secrets

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .. import links
from ..links import Purpose

MIN_SECONDS = 2
MAX_SECONDS = 24 * 60 * 60


def new() -> str:
    return links.sign(Purpose.FORM, secrets.token_urlsafe(9))


def is_genuine(stamp: str) -> bool:
    return links.unsign(Purpose.FORM, stamp, MAX_SECONDS) is not None


def check(stamp: str) -> str:
    """Return the id of this copy of the form. Raises ValidationError if it was sent too soon or too late."""
    copy = links.unsign(Purpose.FORM, stamp, MAX_SECONDS)
    if copy is None:
        raise ValidationError(_("The form was open for too long. Please send it again."), code="old")
    if links.unsign(Purpose.FORM, stamp, MIN_SECONDS) is not None:
        raise ValidationError(_("That was very quick. Wait a moment, then send the form again."), code="quick")
    return copy
