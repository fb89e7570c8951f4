"""Template tags of the public pages: the page, its assets, addresses, languages and states."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext

from .. import formats, links
from ..appearance import STATE_OF_IMPACT
from ..labels import COMPONENT_STATUSES, IMPACTS, overall_label
from ..models import Component, Incident, Logo, Page, Update
from ..publishing.documents.assets import asset_path, logo_path
from ..publishing.documents.social import DRAWINGS, picture_path
from ..status import ComponentStatus, Impact, Phase
from ..text import Passage, Text
from ..wording import began, planned, reader_passage, shape, shape_and_word, span, state, untranslated_note

register = template.Library()

register.simple_tag(shape)
register.simple_tag(state)
register.filter(overall_label)


@register.simple_tag(takes_context=True)
def page(context: Context) -> Page:
    """Return the page that a document is rendered for; on a dynamic page, the current one."""
    return context.get("page") or Page.objects.current()


@register.simple_tag(takes_context=True)
def alternates(context: Context) -> Sequence[tuple[str, str]]:
    """Return (language, path) of this page in every language; on a dynamic page, from the requested path."""
    published: Sequence[tuple[str, str]] | None = context.get("alternates")
    if published is not None:
        return published
    codes = [code for code, _name in settings.LANGUAGES]
    path: str = context["request"].path if "request" in context else "/"
    first, _slash, rest = path.lstrip("/").partition("/")
    return [(code, f"/{code}/{rest if first in codes else ''}") for code in codes]


@register.simple_tag
def asset(page: Page, key: str) -> str:
    """Return the address of `site.css`, `site.js` or `favicon-<state>.svg`."""
    return asset_path(key, page)


@register.simple_tag
def logo_url(logo: Logo) -> str:
    return logo_path(logo.key)


@register.simple_tag
def favicon(page: Page, state: str) -> str:
    return asset_path(f"favicon-{state or ComponentStatus.OPERATIONAL}.svg", page)


@register.filter
def picture_url(name: str) -> str:
    """Return the absolute address of a preview picture, in the reader's language if there is one."""
    return links.absolute(picture_path(name, _language()))


@register.filter
def picture_alt(name: str) -> Any:
    return DRAWINGS[name].words


@register.filter
def absolute(path: str) -> str:
    return links.absolute(path)


@register.filter
def default_path(alternates: Sequence[tuple[str, str]]) -> str:
    """Return the path in the default language, from (language, path)."""
    return dict(alternates)[settings.LANGUAGE_CODE]


@register.simple_tag
def home_url() -> str:
    return links.home(_language())


@register.simple_tag
def history_url(month: date | None = None) -> str:
    return links.history(_language(), month)


@register.simple_tag
def search_url() -> str:
    return links.search(_language())


@register.simple_tag
def incident_url(incident: Incident) -> str:
    return links.incident(incident.pk, _language())


@register.simple_tag
def update_url(update: Update) -> str:
    return links.update(update.incident_id, update.pk, _language())


@register.simple_tag
def incident_link(incident: Incident) -> SafeString:
    """Return the title as a link; another language than the reader's is marked, with a note."""
    title = reader_passage(incident.title)
    link = format_html('<a href="{}"{}>{}</a>', incident_url(incident), _lang(title), title.text)
    if title.is_own:
        return link
    return format_html('{} <small class="untranslated">{}</small>', link, untranslated_note(title.wanted))


@register.simple_tag
def component_url(component: Component) -> str:
    return links.component(component.slug, _language())


@register.simple_tag
def feed_url(kind: str) -> str:
    """`kind` is atom, rss or json."""
    return links.feed(_language(), kind)


@register.simple_tag
def component_feed_url(component: Component, kind: str) -> str:
    """`kind` is atom, rss or json."""
    return links.component_feed(component.slug, _language(), kind)


@register.simple_tag
def maintenance_url() -> str:
    return links.maintenance(_language())


@register.simple_tag
def calendar_url() -> str:
    return links.calendar(_language())


@register.simple_tag
def event_url(incident: Incident) -> str:
    return links.event(incident.pk, _language())


@register.simple_tag
def badge_url() -> str:
    return links.badge(_language())


@register.simple_tag
def api_url(name: str) -> str:
    """`name` is the name of a document of the Statuspage API."""
    return links.api(name, _language())


@register.simple_tag
def banner_url() -> str:
    return links.banner(_language())


@register.simple_tag
def follow_page_url() -> str:
    return links.follow_page(_language())


@register.filter
def webcal(path: str) -> str:
    return links.webcal(path)


@register.simple_tag
def subscribe_url() -> str:
    return links.subscribe(_language())


@register.simple_tag
def subscribe_webhook_url() -> str:
    return links.subscribe_webhook(_language())


@register.simple_tag
def follow_incident_url(incident: Incident) -> str:
    return links.follow_incident(incident.pk, _language())


@register.simple_tag
def impact(incident: Incident) -> SafeString:
    """Return the impact of an incident as shape and word."""
    return shape_and_word(STATE_OF_IMPACT[incident.impact], IMPACTS[Impact(incident.impact)])


@register.simple_tag
def labelled_impact(incident: Incident) -> SafeString:
    """Return the impact after the word “Impact”, for places without a label; maintenance needs none."""
    if incident.is_maintenance:
        return impact(incident)
    return format_html(
        '<span class="impact"><span class="quiet">{}</span> {}</span>', gettext("Impact"), impact(incident)
    )


@register.simple_tag
def when(incident: Incident) -> SafeString:
    """Return when the incident was, began, or is planned to be; a fact of its own next to the phase."""
    if incident.scheduled_for and incident.scheduled_until and incident.phase == Phase.CANCELLED:
        return planned(incident.scheduled_for, incident.scheduled_until)
    if incident.scheduled_for and incident.phase == Phase.SCHEDULED:
        return span(incident.scheduled_for, incident.scheduled_until)
    if incident.ended_at is None:
        return began(incident.started_at)
    return span(incident.started_at, incident.ended_at)


@register.filter
def phase_label(incident: Incident) -> Any:
    """Return the phase; of maintenance that should have started by now, that nobody has reported it."""
    if incident.phase == Phase.SCHEDULED and incident.overdue:
        return pgettext("maintenance", "Not reported")
    return incident.get_phase_display()


@register.filter
def status_label(status: str) -> Any:
    return COMPONENT_STATUSES[ComponentStatus(status)]


@register.simple_tag
def language_of(text: Text) -> SafeString:
    """Return ` lang="…"` if the text is not in the reader's language."""
    return _lang(reader_passage(text))


@register.filter
def host(address: str) -> str:
    """Return the host name of an address, which is enough to see where a link leads."""
    return urlsplit(address).hostname or address


@register.simple_tag
def elapsed(start: datetime, end: datetime) -> str:
    """Return the duration between two times as text."""
    return formats.duration(end - start)


@register.filter
def weekday(value: date) -> str:
    return formats.weekday(value)


@register.simple_tag
def days_span(first: date, last: date) -> str:
    """Return a day or a range of days, without the year."""
    return formats.days(first, last)


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE


def _lang(passage: Passage) -> SafeString:
    return SafeString() if passage.is_own else format_html(' lang="{}"', passage.language)
