"""How a localized text, a time or a duration is written for the reader of the active language.

A text in another language than the reader's always carries its `lang` and a
visible note: `passage` for a line, `prose` for Markdown.
"""

import re
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, get_language_info, gettext

from . import formats, markup
from .appearance import APPEARANCES
from .labels import COMPONENT_STATUSES
from .status import ComponentStatus
from .text import Passage, Text

_TIME_OF_DAY = re.compile(r"(?<=\d{4} )\S.*|(?<=\d{4}, )\S.*")


def reader_passage(text: Text) -> Passage:
    """The text as a reader of the active language gets it; else the default language, else any."""
    order = [settings.LANGUAGE_CODE, *(code for code, _name in settings.LANGUAGES)]
    return text.passage(get_language() or settings.LANGUAGE_CODE, order)


def untranslated_note(wanted: str) -> str:
    """“Not yet translated into English”, in the active language."""
    return gettext("Not yet translated into %(language)s") % {"language": language_name(wanted)}


def language_name(code: str) -> str:
    """A language's name in the active language; the code itself where Django knows none."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def quote_heading(provider: str, language: str) -> str:
    """“Statement from Microsoft 365, in English”; without the name where there is none."""
    named = {"name": provider, "language": language_name(language)}
    if provider:
        return gettext("Statement from %(name)s, in %(language)s") % named
    return gettext("Quoted statement, in %(language)s") % named


def language_own_name(code: str) -> str:
    """A language's name in itself, for the language switch."""
    return str(get_language_info(code)["name_local"]).capitalize()


def words(text: Text) -> str:
    """The bare text for attributes, `<title>` and mail subjects, where no markup can stand."""
    return reader_passage(text).text


def passage(text: Text) -> SafeString:
    """One line of text; another language than the reader's is marked and said."""
    found = reader_passage(text)
    if found.is_own:
        return format_html("{}", found.text)
    return format_html(
        '<span lang="{}">{}</span> <small class="untranslated">{}</small>',
        found.language,
        found.text,
        untranslated_note(found.wanted),
    )


def prose(text: Text) -> SafeString:
    """Markdown as safe HTML; another language than the reader's is marked and said above it."""
    found = reader_passage(text)
    if not found:
        return SafeString()
    if found.is_own:
        return format_html('<div class="prose">{}</div>', markup.html(found.text))
    return format_html(
        '<p class="untranslated">{}</p><div class="prose" lang="{}">{}</div>',
        untranslated_note(found.wanted),
        found.language,
        markup.html(found.text),
    )


def markdown(source: str) -> SafeString:
    return markup.html(source)


def excerpt(text: Text, length: int = 200) -> str:
    """The beginning of a Markdown text as one plain line, for descriptions."""
    line = " ".join(markup.plain(reader_passage(text).text).split())
    return line if len(line) <= length else f"{line[: length - 1].rsplit(' ', 1)[0]}…"


def moment(value: datetime) -> SafeString:
    """`<time>` with the date, time and zone in words."""
    return _time(value, formats.moment(value))


def margin_moment(value: datetime) -> SafeString:
    """The same for a narrow column: after the year a new line may begin, within the time of day none."""
    together = _TIME_OF_DAY.sub(lambda found: found.group().replace(" ", "\N{NO-BREAK SPACE}"), formats.moment(value))
    return _time(value, together)


def short_moment(value: datetime) -> SafeString:
    return _time(value, formats.short_moment(value))


def clock(value: datetime) -> SafeString:
    return _time(value, formats.clock(value))


def day(value: date) -> str:
    return formats.day(value)


def month(value: date) -> str:
    return formats.month(value)


def span(start: datetime, end: datetime | None) -> SafeString:
    # The sentence is the catalogue's, the parts in it are `<time>` elements.
    return mark_safe(formats.span(start, end, _time))  # noqa: S308


def duration(length: timedelta) -> str:
    return formats.duration(length)


def rough_duration(length: timedelta) -> str:
    """In its largest unit, for what goes on."""
    return formats.duration(length, units=1)


def percent(share: float) -> str:
    return formats.percent(share)


def shape(state: str) -> SafeString:
    """The state's shape, for the eye only: a word always stands beside it."""
    return format_html(
        '<svg class="shape state-{0}" viewBox="0 0 16 16" aria-hidden="true"><path d="{1}"/></svg>',
        state,
        APPEARANCES[state].path,
    )


def state(status: str) -> SafeString:
    """A component status as shape and word."""
    return shape_and_word(status, COMPONENT_STATUSES[ComponentStatus(status)])


def shape_and_word(state: str, word: object) -> SafeString:
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', state, shape(state), word)


def _time(value: datetime, in_words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', formats.iso(value), in_words)
