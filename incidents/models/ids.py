import secrets
import string

LENGTH = 12
ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """Return a public id: 12 lower-case letters and digits, as Statuspage API clients expect (62 random bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
