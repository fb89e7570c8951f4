"""Finds public incidents by their words, best first, in every language of the page.

A text is searched with its language's dictionary, so that “servere” finds
“serveren”. The reader's own language counts double; what is not translated is
found as well, as it is shown as well.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .. import markup
from ..models import Incident
from ..publishing.reading.story import Story, with_timeline
from ..text import Passage
from ..wording import reader_passage
from .index import dictionary, vectors

PAGE_SIZE = 10
MOST_PAGES = 20
MOST_WORDS = 8
LONGEST = 100  # characters of a query
PATIENCE = "2s"

# Noncharacters, which no text has (`markup.clean`), so that what is marked can be told from what is written.
_START, _END = "\ufdd1", "\ufdd2"
_HEADLINE = f"StartSel={_START}, StopSel={_END}, MaxFragments=2, MaxWords=24, MinWords=10, FragmentDelimiter=' … '"
_UNQUOTABLE = re.compile(r"['\\:&|!()<>*]+")

_MATCHING = """
SELECT {incident} FROM {table}
 WHERE published_at IS NOT NULL AND {vector} @@ to_tsquery('{dictionary}', %({word})s)
"""
_RANKED = """
SELECT {incident} AS incident_id, {weight} * ts_rank_cd({vector}, to_tsquery('{dictionary}', %(any)s), 1) AS rank
  FROM {table}
 WHERE published_at IS NOT NULL AND {incident} IN (SELECT id FROM matching)
   AND {vector} @@ to_tsquery('{dictionary}', %(any)s)
"""
# The indexes answer which incidents have each of the words; only texts of those that have all are read for their rank.
_FIND = """
WITH matching (id) AS ({matching}), ranked AS ({ranked})
SELECT ranked.incident_id, count(*) OVER ()
  FROM ranked JOIN incidents_incident AS incident ON incident.id = ranked.incident_id
 WHERE incident.published_at IS NOT NULL
 GROUP BY ranked.incident_id, incident.started_at
 ORDER BY max(ranked.rank) DESC, incident.started_at DESC, ranked.incident_id
 LIMIT %(limit)s OFFSET %(offset)s
"""
_MEANINGLESS = """
SELECT word FROM unnest(%(words)s::text[]) AS word, unnest(%(dictionaries)s::regconfig[]) AS dictionary
 WHERE numnode(to_tsquery(dictionary, word)) = 0
"""
_EXCERPTS = """
SELECT DISTINCT ON (place) place, language, ts_headline(dictionary::regconfig, body, words, %(options)s)
  FROM unnest(%(places)s::int[], %(languages)s::text[], %(dictionaries)s::text[], %(bodies)s::text[])
       WITH ORDINALITY AS given (place, language, dictionary, body, number),
       to_tsquery(dictionary::regconfig, %(words)s) AS words
 WHERE to_tsvector(dictionary::regconfig, body) @@ words
 ORDER BY place, ts_rank_cd(to_tsvector(dictionary::regconfig, body), words, 1) DESC, number
"""


@dataclass(frozen=True)
class Excerpt:
    """The passage that was found, with the words marked; `language` is "" where it is the reader's own."""

    language: str
    html: SafeString


@dataclass(frozen=True)
class Hit:
    story: Story
    excerpt: Excerpt | None


@dataclass(frozen=True)
class Results:
    """One page of what was found; `page` counts from 1."""

    hits: list[Hit]
    total: int
    page: int

    @property
    def earlier(self) -> int | None:
        return self.page - 1 if self.page > 1 else None

    @property
    def later(self) -> int | None:
        return self.page + 1 if self.page * PAGE_SIZE < self.total and self.page < MOST_PAGES else None


@transaction.atomic
def find(query: str, language: str, page: int = 1) -> Results:
    """Incidents that have every word of the query, or a word beginning so, each in any of their texts.

    Seven queries, whatever is found. OperationalError where it takes longer than PATIENCE.
    """
    words = _words(query)
    if not words:
        return Results([], 0, page)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
        words = _meaning_something(cursor, words)
        any_word = " | ".join(words)
        named = {f"word{number}": word for number, word in enumerate(words)}
        limits = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        cursor.execute(_statement(language, named), {**named, "any": any_word, **limits})
        rows = cursor.fetchall()
    by_id = {
        story.incident.pk: story
        for story in with_timeline(Incident.objects.public().filter(pk__in=[r[0] for r in rows]))
    }
    stories = [by_id[pk] for pk, _total in rows]
    excerpts = _excerpts(stories, any_word)
    hits = [Hit(story, excerpts.get(place)) for place, story in enumerate(stories)]
    return Results(hits, rows[0][1] if rows else 0, page)


def _words(query: str) -> list[str]:
    """Each word, or its beginning, as a tsquery; quoted, so that nothing in it is an operator."""
    return [f"'{word}':*" for word in _UNQUOTABLE.sub(" ", query).split()[:MOST_WORDS]]


def _meaning_something(cursor: CursorWrapper, words: list[str]) -> list[str]:
    """Without “og” and “the”, which no dictionary keeps; all of them where nothing else is asked for."""
    dictionaries = [dictionary(code) for code, _name in settings.LANGUAGES]
    cursor.execute(_MEANINGLESS, {"words": words, "dictionaries": dictionaries})
    meaningless = {word for (word,) in cursor.fetchall()}
    return [word for word in words if word not in meaningless] or words


def _statement(language: str, words: Iterable[str]) -> str:
    """`words` are the names of the parameters that carry one each."""
    matching = " INTERSECT ".join(f"({_branches(_MATCHING, language, word=word)})" for word in words)
    return _FIND.format(matching=matching, ranked=_branches(_RANKED, language))


def _branches(template: str, language: str, word: str = "") -> str:
    """The template for each table in each language."""
    return " UNION ALL ".join(
        template.format(
            incident=vector.incident,
            weight=2 if code == language else 1,
            vector=vector.expression,
            dictionary=dictionary(code),
            table=vector.table,
            word=word,
        )
        for code, _name in settings.LANGUAGES
        for vector in vectors(code)
    )


def _excerpts(stories: Sequence[Story], words: str) -> dict[int, Excerpt]:
    """By the story's place: the best passage among the texts as the reader gets them."""
    given = [(place, text) for place, story in enumerate(stories) for text in _texts(story)]
    columns: dict[str, list[Any]] = {
        "places": [place for place, _text in given],
        "languages": [text.language if not text.is_own else "" for _place, text in given],
        "dictionaries": [dictionary(text.language) for _place, text in given],
        "bodies": [" ".join(markup.plain(text.text).split()) for _place, text in given],
    }
    with connection.cursor() as cursor:
        cursor.execute(_EXCERPTS, {**columns, "words": words, "options": _HEADLINE})
        return {place: Excerpt(language, _marked(line)) for place, language, line in cursor.fetchall()}


def _texts(story: Story) -> list[Passage]:
    incident = story.incident
    details = [incident.user_impact, incident.scope, incident.workaround, incident.root_cause, incident.next_steps]
    found = [reader_passage(text) for text in [*(update.text for update in story.timeline), *details]]
    wanted = found[0].wanted if found else ""
    quotes = [Passage(update.quote, update.quote_language, wanted) for update in story.timeline]
    return [passage for passage in [*found, *quotes] if passage]


def _marked(line: str) -> SafeString:
    html = escape(line).replace(_START, "<mark>").replace(_END, "</mark>")
    return mark_safe(html)  # noqa: S308 - escaped above; the marks are ours
