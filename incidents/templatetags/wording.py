"""What templates need to write localized texts, times and states; loaded in every template.

A text in another language than the reader's always carries its `lang` and a
visible note: `passage` for a line, `prose` for Markdown.
"""

import re
from datetime import date, datetime, timedelta

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, get_language_info, gettext

from .. import formats, markup
from ..text import Passage, Text

register = template.Library()

_TIME_OF_DAY = re.compile(r"(?<=\d{4} )\S.*|(?<=\d{4}, )\S.*")


def reader_passage(text: Text) -> Passage:
    """The text as a reader of the active language gets it; else the default language, else any."""
    order = [settings.LANGUAGE_CODE, *(code for code, _name in settings.LANGUAGES)]
    return text.passage(get_language() or settings.LANGUAGE_CODE, order)


def untranslated_note(wanted: str) -> str:
    """“Not yet translated into English”, in the active language."""
    return gettext("Not yet translated into %(language)s") % {"language": language_name(wanted)}


@register.filter
def language_name(code: str) -> str:
    """A language's name in the active language; the code itself where Django knows none."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


@register.simple_tag
def quote_heading(provider: str, language: str) -> str:
    """“Statement from Microsoft 365, in English”; without the name where there is none."""
    named = {"name": provider, "language": language_name(language)}
    if provider:
        return gettext("Statement from %(name)s, in %(language)s") % named
    return gettext("Quoted statement, in %(language)s") % named


@register.filter
def language_own_name(code: str) -> str:
    """A language's name in itself, for the language switch."""
    return str(get_language_info(code)["name_local"]).capitalize()


@register.filter
def words(text: Text) -> str:
    """The bare text for attributes, `<title>` and mail subjects, where no markup can stand."""
    return reader_passage(text).text


@register.simple_tag
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


@register.simple_tag
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


@register.filter
def markdown(source: str) -> SafeString:
    return markup.html(source)


@register.filter
def excerpt(text: Text, length: int = 200) -> str:
    """The beginning of a Markdown text as one plain line, for descriptions."""
    line = " ".join(markup.plain(reader_passage(text).text).split())
    return line if len(line) <= length else f"{line[: length - 1].rsplit(' ', 1)[0]}…"


@register.filter
def moment(value: datetime) -> SafeString:
    """`<time>` with the date, time and zone in words."""
    return _time(value, formats.moment(value))


@register.filter
def margin_moment(value: datetime) -> SafeString:
    """The same for a narrow column: after the year a new line may begin, within the time of day none."""
    together = _TIME_OF_DAY.sub(lambda found: found.group().replace(" ", "\N{NO-BREAK SPACE}"), formats.moment(value))
    return _time(value, together)


@register.filter
def short_moment(value: datetime) -> SafeString:
    return _time(value, formats.short_moment(value))


@register.filter
def clock(value: datetime) -> SafeString:
    return _time(value, formats.clock(value))


@register.filter
def day(value: date) -> str:
    return formats.day(value)


@register.filter
def month(value: date) -> str:
    return formats.month(value)


@register.simple_tag
def span(start: datetime, end: datetime | None) -> SafeString:
    # The sentence is the catalogue's, the parts in it are `<time>` elements.
    return mark_safe(formats.span(start, end, _time))  # noqa: S308


@register.filter
def duration(length: timedelta) -> str:
    return formats.duration(length)


@register.filter
def rough_duration(length: timedelta) -> str:
    """In its largest unit, for what goes on."""
    return formats.duration(length, units=1)


@register.filter
def percent(share: float) -> str:
    return formats.percent(share)


def _time(value: datetime, in_words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', formats.iso(value), in_words)
