"""Formats localized texts, times and durations for readers of the active language.

A text in another language than the reader's always has a `lang` attribute and a
visible note: `passage` for a line, `prose` for Markdown.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

from django.conf import settings
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, get_language_info, gettext, ngettext, override, pgettext

from . import formats, markup
from .appearance import APPEARANCES
from .labels import COMPONENT_STATUSES
from .markup.excerpts import running_text
from .status import ComponentStatus
from .text import Passage, Text

# A time of day and its zone, with the word before it and the end of its span.
_TIME_OF_DAY = re.compile(r"(?:\w+\. )?\d\d[.:]\d\d(?: [A-Z]\w+)?(?:–\d\d[.:]\d\d)?(?: [A-Z]\w+)?")


def reader_passage(text: Text) -> Passage:
    """Return the text in the active language, else in the default language, else in any."""
    wanted = get_language() or settings.LANGUAGE_CODE
    if wanted in text:
        return text.passage(wanted)
    return text.passage(wanted, [settings.LANGUAGE_CODE, *(code for code, _name in settings.LANGUAGES)])


def untranslated_note(wanted: str) -> str:
    """Return “Not yet translated into English” in the active language."""
    return gettext("Not yet translated into %(language)s") % {"language": language_name(wanted)}


def language_name(code: str) -> str:
    """Return a language's name in the active language, or the code if Django does not know it."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def direction(code: str) -> str:
    """Return the writing direction of a language, for `dir`; “auto” if Django does not know the language."""
    try:
        return "rtl" if get_language_info(code)["bidi"] else "ltr"
    except KeyError:
        return "auto"


def quote_heading(provider: str, language: str) -> str:
    """Return “Statement from Microsoft 365, in English”, or a heading without the name if it is empty."""
    values = {"name": provider, "language": language_name(language)}
    if provider:
        return gettext("Statement from %(name)s, in %(language)s") % values
    return gettext("Quoted statement, in %(language)s") % values


def language_own_name(code: str) -> str:
    """Return a language's name in that language, for the language switch."""
    return str(get_language_info(code)["name_local"]).capitalize()


def page_name(name: Text) -> str:
    """Return the name of the page in the active language, on one line; a general one if it has none."""
    return " ".join(words(name).split()) or gettext("Status page")


def in_each_language(say: Callable[[str], str]) -> Text:
    """Return what `say` returns for the code of each language of the page, while that language is active."""
    whole = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            whole[code] = say(code)
    return Text(whole)


def words(text: Text) -> str:
    """Return the text without markup, for attributes, `<title>` and email subjects."""
    return reader_passage(text).text


def listed(parts: Sequence[str]) -> str:
    """Return “Webmail, FTP and Spam filter” in the active language; "" for no parts."""
    *most, last = parts or [""]
    return pgettext("joins the last two of a list", " and ").join([", ".join(most), last]) if most else last


def counted(incidents: int, maintenances: int) -> str:
    """Return “2 incidents, 1 maintenance window”; a kind without any is left out."""
    parts = [
        ngettext("%(count)d incident", "%(count)d incidents", incidents) % {"count": incidents} if incidents else "",
        ngettext("%(count)d maintenance window", "%(count)d maintenance windows", maintenances)
        % {"count": maintenances}
        if maintenances
        else "",
    ]
    return ", ".join(filter(None, parts)) or gettext("No incidents")


def passage(text: Text) -> SafeString:
    """Return one line of text; another language than the reader's is marked, with a note."""
    shown = reader_passage(text)
    if shown.is_own:
        return escape(shown.text)
    return format_html(
        '<span lang="{}">{}</span> <small class="untranslated">{}</small>',
        shown.language,
        shown.text,
        untranslated_note(shown.wanted),
    )


def prose(text: Text, level: int = 3, *, framed: bool = True) -> SafeString:
    """Return Markdown with headings from `level`; another language than the reader's is marked, with a note above.

    `framed` tables scroll on pages; feeds have no styles for that.
    """
    shown = reader_passage(text)
    if not shown:
        return SafeString()
    with override(shown.language):
        table = gettext("Table")
    body = markup.on_page(shown.text, table=table, level=level) if framed else markup.html(shown.text)
    if shown.is_own:
        return format_html('<div class="prose">{}</div>', body)
    return format_html(
        '<p class="untranslated">{}</p><div class="prose" lang="{}">{}</div>',
        untranslated_note(shown.wanted),
        shown.language,
        body,
    )


def markdown(source: str, framed: bool = True) -> SafeString:
    """Return a Markdown text in any language; `framed` tables are named after their columns alone."""
    return markup.on_page(source) if framed else markup.html(source)


def excerpt(text: Text, length: int = 200) -> str:
    """Return the beginning of a Markdown text as one plain line, for descriptions."""
    line = running_text(markup.html(reader_passage(text).text))
    return line if len(line) <= length else f"{line[: length - 1].rsplit(' ', 1)[0]}…"


def moment(value: datetime) -> SafeString:
    """Return `<time>` with date, time of day and zone."""
    return _moment(value.timestamp(), get_language(), timezone.get_current_timezone_name())


# The page of an incident has the time of each update several times. Its timestamp is the key, because local times in
# the hour that occurs twice are equal.
@lru_cache(maxsize=1_024)
def _moment(timestamp: float, _language: str | None, _zone: str) -> SafeString:
    value = datetime.fromtimestamp(timestamp, UTC)
    return _time(value, formats.moment(value))


def short_moment(value: datetime) -> SafeString:
    return _time(value, formats.short_moment(value))


def time_of_day(value: datetime) -> SafeString:
    return _time(value, formats.time_of_day(value))


def day(value: date) -> str:
    return formats.day(value)


def month(value: date) -> str:
    return formats.month(value)


def span(start: datetime, end: datetime | None) -> SafeString:
    # The pattern is a translation, its values are `<time>` elements.
    return mark_safe(_unbroken(formats.span(start, end, _time)))  # noqa: S308


def began(start: datetime) -> SafeString:
    return mark_safe(formats.began(start, _time))  # noqa: S308 - like `span`


def planned(start: datetime, end: datetime) -> SafeString:
    """Return the planned time of work as a fact of its own, next to a phase that is not “planned”."""
    pattern = pgettext("time of maintenance", "planned for %(time)s")
    return mark_safe(pattern % {"time": span(start, end)})  # noqa: S308 - like `span`


def duration(length: timedelta) -> str:
    return formats.duration(length)


def rough_duration(length: timedelta) -> str:
    """Return the duration in its largest unit, for ongoing incidents."""
    return formats.duration(length, units=1)


def percent(share: float) -> str:
    return formats.percent(share)


@cache
def shape(state: str) -> SafeString:
    """Return the shape of a state, hidden from screen readers: a word always follows it."""
    return format_html(
        '<svg class="shape state-{0}" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">'
        '<path d="{1}"/></svg>',
        state,
        APPEARANCES[state].path,
    )


def state(status: str) -> SafeString:
    """Return a component status as shape and word."""
    return shape_and_word(status, COMPONENT_STATUSES[ComponentStatus(status)])


def status_as_of(stated: ComponentStatus, actual: ComponentStatus) -> str:
    """Return the label of a component's actual status, with a note if it is worse than what an incident states."""
    label = str(COMPONENT_STATUSES[actual])
    if actual == stated:
        return label
    return pgettext("status of a component", "%(status)s (for another reason)") % {"status": label}


def shape_and_word(state: str, word: object) -> SafeString:
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', state, shape(state), word)


def _unbroken(text: str) -> str:
    # Prevent line breaks within “kl. 19.00 CET” and “09.20–10.25”.
    def joined(found: re.Match[str]) -> str:
        return found[0].replace(" ", "\N{NO-BREAK SPACE}").replace("–", "–\N{WORD JOINER}")

    return _TIME_OF_DAY.sub(joined, text)


def _time(value: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', formats.iso(value), _unbroken(text))
