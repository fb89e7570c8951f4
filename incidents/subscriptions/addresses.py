"""Email addresses: which are accepted, and the normalised form that is stored."""

import re
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

from .. import domains, guard
from ..identity import canonical, is_foldable
from ..identity import readable as readable

# RFC 5321 §4.5.3.1: 64 octets before the @, and 254 in total fit a path in angle brackets (erratum 1690).
MAX_LENGTH, MAX_LOCAL_PART = 254, 64
_GMAIL = {"gmail.com", "googlemail.com"}
# Copying from a page or a document leaves these at both ends: spaces, direction marks, zero-width characters.
_BLANK = " \t\r\n\u00a0\u2002\u2003\u2009\u200a\u200b\u200e\u200f\u202a\u202c\u202f\u2060\u2066\u2067\u2068\u2069\ufeff"
_NOT_ASCII, _PUNCTUATION = re.compile(r"[^\x00-\x7f]"), re.compile(r"[!-/:-@\[-`{-~]+")
_BAD_URLS = {
    "scheme": _("The address must begin with https://."),
    "credentials": _("The address must not contain a user name or a password."),
    "port": _("Only the ports 443 and 8443 can be used."),
    "private": _("This address is not on the internet."),
    "long": _("The address is too long: at most 500 characters."),
    "invalid": _("This does not look like an address. Write it like https://example.com/hook."),
}
_validate = EmailValidator(allowlist=[])


def normalise(typed: str) -> str:
    """Return the address as it is stored: the domain in A-labels, the part before the @ as it was typed.

    Raises ValidationError for anything else, for forms that no provider gives out (quoted
    names, an IP address instead of a domain), and for addresses that cannot be written to.
    """
    text = _without_width(typed).strip(_BLANK)
    local, at, domain = text.rpartition("@")
    if not at or not text.isprintable() or '"' in local or domain.startswith("["):
        raise _invalid()
    composed = unicodedata.normalize("NFC", local)
    try:
        address = f"{composed}@{domains.to_ascii(domain)}"
        _validate(_NOT_ASCII.sub("a", address))
    except (ValueError, ValidationError) as error:
        raise _too_long() if len(text) > MAX_LENGTH else _invalid() from error
    if len(address.encode()) > MAX_LENGTH or len(composed.encode()) > MAX_LOCAL_PART:
        raise _too_long()
    if not local.isascii():
        _check_letters(local, address)
    return address


def webhook_url(typed: str) -> str:
    """Return the address of a webhook as it is stored. Raises ValidationError."""
    try:
        return guard.read_url(typed).url
    except guard.BadUrl as error:
        raise ValidationError(_BAD_URLS[error.code], code=error.code) from error


def mailbox(address: str) -> str:
    """Return a key for limits: `Anna+status@Example.dk` and `anna@example.dk` are probably the same mailbox."""
    local, _at, domain = canonical(address).rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:  # one provider, which ignores dots before the @
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _without_width(text: str) -> str:
    # Full-width letters come from keyboards for Chinese and Japanese; no address contains them.
    if text.isascii():
        return text
    return "".join(
        unicodedata.normalize("NFKC", char) if unicodedata.east_asian_width(char) in "FH" else char for char in text
    )


def _check_letters(local: str, address: str) -> None:
    # Check a local part that is not ASCII (RFC 6531).
    if not settings.EMAIL_SMTPUTF8:
        raise ValidationError(
            _("The mail server of this page can only write to addresses with plain letters (a–z) before the @."),
            code="smtputf8",
        )
    folded = canonical(address).rpartition("@")[0]
    top = domains.scripts(domains.readable(address).rpartition(".")[2])
    if (
        not all(map(is_foldable, local + folded))
        or any(unicodedata.category(char)[0] not in "LMN" for char in local if not char.isascii())
        or any(domains.is_deceptive(word, top) for word in _PUNCTUATION.split(folded))
    ):
        raise ValidationError(
            _("The part before the @ contains characters that can be mistaken for others. Is it spelled correctly?"),
            code="deceptive",
        )


def _invalid() -> ValidationError:
    return ValidationError(
        _("This does not look like an email address. Write it like name@example.com."), code="invalid"
    )


def _too_long() -> ValidationError:
    return ValidationError(_("This is too long to be an email address."), code="too_long")
