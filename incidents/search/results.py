"""Finds public incidents by their text, best matches first, in every language of the page.

A text is searched with the dictionary of its language, so that “servere” finds
“serveren”. The reader's own language counts double; untranslated texts are found
too, since they are shown too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .. import markup
from ..markup.excerpts import running_text
from ..models import Incident
from ..models.text_search import dictionary, terms, vectors, without_stop_words
from ..publishing.reading.story import Story, with_timeline
from ..text import Passage
from ..wording import reader_passage

PAGE_SIZE = 10
MAX_PAGES = 20
MAX_LENGTH = 100  # characters of a query
TIMEOUT = "2s"

# Noncharacters, which `markup.clean` removes from every text, so that they can only be highlights.
_START, _END = "\ufdd1", "\ufdd2"
_HEADLINE = f"StartSel={_START}, StopSel={_END}, MaxFragments=2, MaxWords=24, MinWords=10, FragmentDelimiter=' … '"

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
# The indexes find the incidents with each word; ranks are computed only for incidents that have all of them.
_FIND = """
WITH matching (id) AS ({matching}), ranked AS ({ranked})
SELECT ranked.incident_id, count(*) OVER (), count(*) FILTER (WHERE incident.kind = 'maintenance') OVER ()
  FROM ranked JOIN incidents_incident AS incident ON incident.id = ranked.incident_id
 WHERE incident.published_at IS NOT NULL
 GROUP BY ranked.incident_id, incident.started_at, incident.kind
 ORDER BY max(ranked.rank) DESC, incident.started_at DESC, ranked.incident_id
 LIMIT %(limit)s OFFSET %(offset)s
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
    """The matching passage with the words highlighted; `language` is "" if it is the reader's own."""

    language: str
    html: SafeString


@dataclass(frozen=True)
class Hit:
    story: Story
    excerpt: Excerpt | None


@dataclass(frozen=True)
class Results:
    """One page of results; `page` counts from 1."""

    hits: list[Hit]
    total: int
    page: int
    maintenances: int = 0

    @property
    def incidents(self) -> int:
        return self.total - self.maintenances

    @property
    def earlier(self) -> int | None:
        return self.page - 1 if self.page > 1 else None

    @property
    def later(self) -> int | None:
        return self.page + 1 if self.page * PAGE_SIZE < self.total and self.page < MAX_PAGES else None


@transaction.atomic
def find(query: str, language: str, page: int = 1) -> Results:
    """Return incidents that contain every word of the query, or a word that begins with it, in any text.

    Makes seven queries for any number of results. Raises OperationalError after TIMEOUT.
    """
    words = terms(query)
    if not words:
        return Results([], 0, page)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT}'")
        words = without_stop_words(cursor, words)
        any_word = " | ".join(words)
        parameters = {f"word{number}": word for number, word in enumerate(words)}
        limits = {"limit": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
        cursor.execute(_statement(language, parameters), {**parameters, "any": any_word, **limits})
        rows = cursor.fetchall()
    by_id = {
        story.incident.pk: story
        for story in with_timeline(Incident.objects.public().filter(pk__in=[r[0] for r in rows]))
    }
    stories = [by_id[pk] for pk, _total, _maintenances in rows]
    excerpts = _excerpts(stories, any_word)
    hits = [Hit(story, excerpts.get(place)) for place, story in enumerate(stories)]
    _pk, total, maintenances = rows[0] if rows else ("", 0, 0)
    return Results(hits, total, page, maintenances)


def _statement(language: str, words: Iterable[str]) -> str:
    # Return the SQL; `words` are the names of the parameters, one per word.
    matching = " INTERSECT ".join(f"({_branches(_MATCHING, language, word=word)})" for word in words)
    return _FIND.format(matching=matching, ranked=_branches(_RANKED, language))


def _branches(template: str, language: str, word: str = "") -> str:
    # Fill in the template for each table and language, and join them.
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
    # Return by index of the story the best passage of its texts, in the languages that the reader sees.
    texts = [(place, text) for place, story in enumerate(stories) for text in _texts(story)]
    columns: dict[str, list[Any]] = {
        "places": [place for place, _text in texts],
        "languages": [text.language if not text.is_own else "" for _place, text in texts],
        "dictionaries": [dictionary(text.language) for _place, text in texts],
        "bodies": [running_text(markup.html(text.text)) for _place, text in texts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_EXCERPTS, {**columns, "words": words, "options": _HEADLINE})
        return {place: Excerpt(language, _highlighted(line)) for place, language, line in cursor.fetchall()}


def _texts(story: Story) -> list[Passage]:
    incident = story.incident
    details = [incident.user_impact, incident.scope, incident.workaround, incident.root_cause, incident.next_steps]
    passages = [reader_passage(text) for text in [*(update.text for update in story.timeline), *details]]
    wanted = passages[0].wanted if passages else ""
    quotes = [Passage(update.quote, update.quote_language, wanted) for update in story.timeline]
    return [passage for passage in [*passages, *quotes] if passage]


def _highlighted(line: str) -> SafeString:
    html = escape(line).replace(_START, "<mark>").replace(_END, "</mark>")
    return mark_safe(html)  # noqa: S308 - escaped above
