"""The searched texts as SQL: one text vector per table and language, the same here and in the indexes.

PostgreSQL uses an index only if a query repeats its exact expression. Migration 0003
creates indexes for Danish and English; other languages are searched without an index
until one is added.
"""

from dataclasses import dataclass

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
_INCIDENT_TEXTS = ("user_impact", "scope", "workaround", "root_cause", "next_steps")


@dataclass(frozen=True)
class Vector:
    """`incident` is the expression for the id of the incident in a row of the table."""

    table: str
    incident: str
    expression: str


def dictionary(language: str) -> str:
    return DICTIONARIES.get(language.split("-", maxsplit=1)[0], "simple")


def vectors(language: str) -> list[Vector]:
    """Return the vectors of a language. It must be one of the settings' codes, which are safe in SQL."""
    name = dictionary(language)
    details = " || ' ' || ".join([*(_text(column, language) for column in _INCIDENT_TEXTS), "upstream_name"])
    incident = (
        f"(setweight(to_tsvector('{name}', {_text('title', language)}), 'A') || to_tsvector('{name}', {details}))"
    )
    update = f"to_tsvector('{name}', {_text('text', language)} || ' ' || quote)"
    return [
        Vector("incidents_incident", "id", incident),
        Vector("incidents_update", "incident_id", update),
    ]


def _text(column: str, language: str) -> str:
    return f"coalesce({column} ->> '{language}', '')"
