import secrets
import string

LENGTH = 12
ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """A public id: 12 lower-case letters and digits, as clients of the Statuspage API expect (62 random bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
