"""Localized text: a mapping from language to text, and the choice for a reader. Pure.

A text in another language than the reader's is always marked: `Text.passage`
returns the language of the text and whether it is the one requested.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A text in one language, chosen for a reader of `wanted`."""

    text: str
    language: str
    wanted: str

    @property
    def is_own(self) -> bool:
        """Whether the text is in the language that the reader wants."""
        return self.language == self.wanted

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text


class Text(Mapping[str, str]):
    """Immutable `{language: text}`; surrounding space and blank texts are removed.

    >>> Text(da="Løst", en="").passage("en", order=("da", "en"))
    Passage(text='Løst', language='da', wanted='en')
    """

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str] | None = None, /, **by_language: str) -> None:
        given = {**(texts or {}), **by_language}
        self._texts = {language: text.strip() for language, text in given.items() if text and text.strip()}

    def __getitem__(self, language: str) -> str:
        return self._texts[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __hash__(self) -> int:
        return hash(frozenset(self._texts.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._texts == dict(other)

    def __repr__(self) -> str:
        return f"Text({self._texts!r})"

    def passage(self, wanted: str, order: Sequence[str] = ()) -> Passage:
        """Return the text in `wanted`, else in the first language of `order` that has one, else in any.

        An empty text is an empty passage in the wanted language.
        """
        for language in (wanted, *order, *self._texts):
            if language in self._texts:
                return Passage(self._texts[language], language, wanted)
        return Passage("", wanted, wanted)

    def missing(self, languages: Sequence[str]) -> list[str]:
        """Return the languages without a translation; none if there is no text at all."""
        return [language for language in languages if language not in self._texts] if self._texts else []
