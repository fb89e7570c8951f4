import secrets
import string

LENGTH = 12
ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """Return a public id: 12 lower-case letters and digits, as Statuspage API clients expect (62 random bits)."""
    # At once, which is much faster than a choice per character. The remainder is even to one part in 2**65.
    number = secrets.randbits(128) % len(ALPHABET) ** LENGTH
    characters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[place])
    return "".join(characters)
