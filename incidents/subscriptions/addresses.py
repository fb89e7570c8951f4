"""Email addresses: which are accepted, and the normalised form that is stored."""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

# RFC 5321 §4.5.3.1: 64 octets before the @, and 254 in total fit a path in angle brackets (erratum 1690).
MAX_LENGTH, MAX_LOCAL_PART = 254, 64
# These hosts ignore dots before the @.
_DOTS_IGNORED = {"gmail.com", "googlemail.com"}
# Copying from a page or a document leaves these at both ends: spaces, direction marks, zero-width characters.
_BLANK = " \t\r\n\u200b\u200e\u200f\u202a\u202c\u2060\u2066\u2067\u2068\u2069\ufeff"
_validate = EmailValidator(allowlist=[])


def normalise(typed: str) -> str:
    """Return the address as it is stored: the domain in lower-case ASCII, the part before the @ as it was typed.

    Raises ValidationError for anything else, and for forms that no provider gives
    out: quoted names, an IP address instead of a domain.
    """
    text = unicodedata.normalize("NFKC", typed).strip(_BLANK)
    local, at, domain = text.rpartition("@")
    if not at or not text.isprintable() or '"' in local or domain.startswith("["):
        raise _invalid()
    address = f"{local}@{_ascii_domain(domain)}"
    if len(address) > MAX_LENGTH or len(local) > MAX_LOCAL_PART:
        raise ValidationError(_("This is too long to be an email address."), code="too_long")
    try:
        _validate(address)
    except ValidationError as error:
        raise _invalid() from error
    return address


def mailbox(address: str) -> str:
    """Return a key for limits: `Anna+status@Example.dk` and `anna@example.dk` are probably the same mailbox."""
    local, _at, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTS_IGNORED:
        local = local.replace(".", "")
    return f"{local}@{domain}"


def readable(address: str) -> str:
    """Return the address with its domain decoded from Punycode."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return address


def _ascii_domain(domain: str) -> str:
    domain = domain.lower()
    try:
        encoded = domain.encode("idna").decode("ascii")
        # Python's codec follows IDNA 2003, which maps “straße” to “strasse”, a different domain.
        round_trips = encoded.encode("ascii").decode("idna") == domain or encoded == domain
    except UnicodeError as error:
        raise _invalid() from error
    if not round_trips:
        raise _invalid()
    return encoded


def _invalid() -> ValidationError:
    return ValidationError(
        _("This does not look like an email address. Write it like name@example.com."), code="invalid"
    )
