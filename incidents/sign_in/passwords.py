"""Passwords that are easy to guess for those who know whose status page it is."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..models import Page

# What an attacker tries besides the names of the page and its company. Names of accounts and the most common passwords
# have validators of Django's.
WORDS = frozenset(
    "admin administrator adgangskode company drift driftsstatus firma hemmelig incident incidents kodeord maintenance "
    "newsroom operations password publisher redaktion secret status statuspage support udgiver welcome velkommen "
    "vinter winter forår spring sommer summer efterår autumn".split()
)
_MIN_WORD = 4
_MIN_REST = 4
_LETTERS = re.compile(r"[^\W\d_]+")


class ContextWordsValidator:
    """Refuses passwords that only add digits, signs or a few letters to words of this installation (ASVS 6.2.11)."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if fewer than four letters are left without the words. `user` is not used."""
        rest = "".join(_LETTERS.findall(password.lower()))
        if not rest:
            return  # digits only: Django's own validators decide
        for word in sorted(context_words(), key=len, reverse=True):
            rest = rest.replace(word, " ")
        if len(rest.replace(" ", "")) < _MIN_REST:
            raise ValidationError(
                _("This password consists of words that are easy to guess here, such as the name of the page."),
                code="context_words",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t consist of words such as “status” or the name of the page.")


def context_words() -> set[str]:
    """Words of four letters and more, in lower case: the listed ones, those of the page's names, and of its host."""
    page = Page.objects.current()
    texts = [*page.name.values(), page.company, settings.SITE_HOST]
    found = {word for text in texts for word in _LETTERS.findall(text.lower())}
    return {word for word in {*WORDS, *found} if len(word) >= _MIN_WORD}
