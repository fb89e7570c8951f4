"""Domain names in IDNA 2008: A-labels (`xn--…`) for protocols, U-labels for readers. Pure: does not import Django.

Python's own codec follows IDNA 2003, which maps “faß.de” to “fass.de”, a different domain.
"""

import unicodedata
from collections.abc import Collection

import idna

_ACE = "xn--"
_LONGEST = 253  # RFC 1035 §2.3.4, without the final dot
_JAPANESE = {"LATIN", "HAN", "HIRAGANA", "KATAKANA"}
# Scripts that are written together (UTS 39 §5.2, “highly restrictive”).
_TOGETHER = [_JAPANESE, {"LATIN", "HAN", "BOPOMOFO"}, {"LATIN", "HAN", "HANGUL"}]
# Scripts in everyday use (UAX 31, table 5). Others are hardly in any name, but are full of look-alikes.
_RECOMMENDED = set(
    (
        "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC THAANA DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU "
        "KANNADA MALAYALAM SINHALA THAI LAO TIBETAN MYANMAR GEORGIAN HANGUL ETHIOPIC KHMER HIRAGANA KATAKANA BOPOMOFO "
        "HAN"
    ).split()
)
# Names of characters that do not begin with the name of their script.
_SCRIPTS = {"CJK": "HAN", "IDEOGRAPHIC": "HAN", "EXTENDED": "ARABIC"}
# Lower-case letters that are drawn like a Latin letter or an ASCII digit.
_LIKE_LATIN = {
    "CYRILLIC": set("агеопрсухьѕіјһѡѵԁԛԝӏүҽ"),
    "GREEK": set("αγηικνορτυχω"),
    "ARMENIAN": set("գզլհյոսցքօ"),
}
# Latin letters that are drawn like an ASCII letter: dotless i and j, and letters of phonetic alphabets.
_LIKE_ASCII = set("ıȷſƅƽɑɡɩɪʋɢʟɴʀʏʙʜ\u1d00\u1d04\u1d0f\u1d1c\u1d20\u1d21\u1d22ꜱ")


def to_ascii(domain: str) -> str:
    """Return the domain in A-labels and lower case, after the mapping of UTS 46. Raises ValueError."""
    labels = idna.uts46_remap(domain, std3_rules=False).split(".")
    name = ".".join(map(_a_label, labels))
    if len(name) > _LONGEST:
        raise ValueError("The domain is too long.")
    return name


def readable(domain: str) -> str:
    """Return the domain in U-labels, except labels that are invalid or look like something else."""
    labels = [_u_label(label) for label in domain.split(".")]
    top = scripts(labels[-1])
    shown = [
        label if unicode.isascii() or is_deceptive(unicode, top) else unicode
        for label, unicode in zip(domain.split("."), labels, strict=True)
    ]
    return ".".join(shown)


def scripts(text: str) -> set[str]:
    """Return the scripts of the letters, marks and digits in a text; ASCII digits belong to every script."""
    written = [char for char in text if unicodedata.category(char)[0] in "LMN"]
    return {_script(char) for char in written if not (char.isascii() and char.isdigit())}


def is_deceptive(label: str, top: Collection[str] = ()) -> bool:
    """Whether a lower-case label mixes scripts, or is drawn like one of plain Latin letters.

    `top` are the scripts of the top-level domain: in “.рф”, readers expect Cyrillic.
    """
    found = scripts(label)
    if not found <= _RECOMMENDED or _LIKE_ASCII & set(label):
        return True
    if len(found) > 1:
        return not any(found <= together for together in _TOGETHER)
    letters = {char for char in label if char.isalpha()}
    like_latin = set().union(*(_LIKE_LATIN.get(script, set()) for script in found - set(top)))
    return bool(letters) and letters <= like_latin


def _script(char: str) -> str:
    # Python has no table of scripts, but the names of characters begin with theirs. An accent that cannot be composed
    # with its letter is of the script “COMBINING”.
    first = unicodedata.name(char, "").partition(" ")[0].partition("-")[0]
    return _SCRIPTS.get(first, first)


def _a_label(label: str) -> str:
    if not label:
        raise ValueError("A label is empty.")
    if label.isascii() and not label.startswith(_ACE):
        if len(label) > 63:
            raise ValueError("A label is too long.")
        return label  # an underscore is no letter of IDNA, but occurs in names of hosts
    return idna.alabel(label).decode()


def _u_label(label: str) -> str:
    try:
        return idna.ulabel(label) if label.startswith(_ACE) else label
    except UnicodeError:
        return label
