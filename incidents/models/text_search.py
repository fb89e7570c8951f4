"""The searched texts as SQL: a text vector per table and language, the same in queries and in the indexes.

PostgreSQL uses an index only if a query repeats its exact expression. The migrations 0003
(the search of the public site) and 0029 (the newsroom's) create indexes for Danish and
English; other languages are searched without an index until one is added.

The newsroom's vectors also contain drafts, and their words are folded: without accents, and
with `å`, `æ` and `ø` as people type them on other keyboards. The function `search_folded` of
migration 0029 does so for texts and queries alike.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

# Dictionaries of PostgreSQL; in other languages, words are found only as they are written.
DICTIONARIES = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "sv": "swedish",
}
MAX_WORDS = 8
# What separates the parts of addresses and URLs, which are searched as words. PostgreSQL's parser would keep
# parts together.
SEPARATORS = "@.-_+/:?&=~"
_ADDRESS = "search_folded(incidents_subscriber.address || ' ' || incidents_subscriber.owner)"
ADDRESS_PARTS = f"to_tsvector('simple', translate({_ADDRESS}, '{SEPARATORS}', '{' ' * len(SEPARATORS)}'))"

_INCIDENT_TEXTS = ("user_impact", "scope", "workaround", "root_cause", "next_steps")
_UNQUOTABLE = re.compile(r"['\\:&|!()<>*]+")
# A word is ignored if it is a stop word in any language, as it is written or folded.
_STOP_WORDS = """
SELECT DISTINCT word FROM unnest(%(words)s::text[]) AS word, unnest(%(dictionaries)s::regconfig[]) AS dictionary
 WHERE numnode(to_tsquery(dictionary, word)) = 0 OR numnode(to_tsquery(dictionary, {folded})) = 0
"""


@dataclass(frozen=True)
class Vector:
    """`incident` is the expression for the id of the incident in a row of the table."""

    table: str
    incident: str
    expression: str


@dataclass(frozen=True)
class Matching:
    """A subquery for the ids of rows that match, and its parameters."""

    sql: str
    parameters: Sequence[str]


def dictionary(language: str) -> str:
    return DICTIONARIES.get(language.split("-", maxsplit=1)[0], "simple")


def vectors(language: str) -> list[Vector]:
    """Return the public vectors of a language. It must be one of the settings' codes, which are safe in SQL."""
    name = dictionary(language)
    incident = (
        f"(setweight(to_tsvector('{name}', {_text('title', language)}), 'A')"
        f" || to_tsvector('{name}', {_details(language)}))"
    )
    update = f"to_tsvector('{name}', {_statement(language)})"
    return [
        Vector("incidents_incident", "id", incident),
        Vector("incidents_update", "incident_id", update),
    ]


def newsroom_vectors(language: str) -> list[Vector]:
    """Return the newsroom's vectors of a language; the first is that of the titles."""
    return [
        Vector("incidents_incident", "id", _folded_vector(language, _text("title", language))),
        Vector("incidents_incident", "id", _folded_vector(language, _details(language))),
        Vector("incidents_update", "incident_id", _folded_vector(language, _statement(language))),
    ]


def incidents_with(word: str, *, titles_only: bool = False) -> Matching:
    """Return a subquery for the incidents with this term of `terms` in any text, or in the title."""
    # The query is a subquery, so that PostgreSQL does not know how common the word is. It would read the whole table
    # for a common one and compute each vector, which takes 0.3 ms per update.
    branches = [
        f"SELECT {vector.incident} FROM {vector.table} "  # noqa: S608 - own names
        f"WHERE {vector.expression} @@ (SELECT to_tsquery('{dictionary(code)}', search_folded(%s)))"
        for code, _name in settings.LANGUAGES
        for vector in newsroom_vectors(code)[: 1 if titles_only else None]
    ]
    return Matching(" UNION ALL ".join(branches), [word] * len(branches))


def terms(query: str) -> list[str]:
    """Return each word of a query as a quoted tsquery for a prefix; quoting prevents operators."""
    return [f"'{word}':*" for word in _UNQUOTABLE.sub(" ", query).split()[:MAX_WORDS]]


def address_term(spellings: Iterable[str]) -> str:
    """Return a tsquery for any of these spellings of an address, or of its beginning; empty if they have no letters."""
    separated = [spelling.translate(dict.fromkeys(map(ord, SEPARATORS), " ")) for spelling in spellings]
    cleaned = [" ".join(_UNQUOTABLE.sub(" ", one).split()) for one in separated]
    return " | ".join(f"'{one}':*" for one in cleaned if one)


def without_stop_words(cursor: CursorWrapper, words: list[str], *, folded: bool = False) -> list[str]:
    """Remove stop words such as “og” and “the”, unless the query has no other words."""
    dictionaries = [dictionary(code) for code, _name in settings.LANGUAGES]
    statement = _STOP_WORDS.format(folded="search_folded(word)" if folded else "word")
    cursor.execute(statement, {"words": words, "dictionaries": dictionaries})
    stop_words = {word for (word,) in cursor.fetchall()}
    return [word for word in words if word not in stop_words] or words


def newsroom_terms(query: str) -> list[str]:
    """Return the terms of a query in the newsroom, without stop words."""
    words = terms(query)
    if not words:
        return []
    with connection.cursor() as cursor:
        return without_stop_words(cursor, words, folded=True)


def _folded_vector(language: str, text: str) -> str:
    return f"to_tsvector('{dictionary(language)}', search_folded({text}))"


def _details(language: str) -> str:
    return _joined([*(_text(column, language) for column in _INCIDENT_TEXTS), "upstream_name"])


def _statement(language: str) -> str:
    return _joined([_text("text", language), "quote"])


def _joined(texts: Iterable[str]) -> str:
    return " || ' ' || ".join(texts)


def _text(column: str, language: str) -> str:
    return f"coalesce({column} ->> '{language}', '')"
