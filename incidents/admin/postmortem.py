"""The editor of postmortems: sections that are filled in from the incident, stored as one update."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from .. import markup
from ..formats import short_moment
from ..markup.excerpts import running_text
from ..models import Incident, Page, Update, Version
from ..operations.snapshots import NEWEST, of_draft, of_state
from ..sections import SECTIONS, join
from ..status import Phase
from ..text import Text
from ..wording import words
from . import composing, editing
from . import preview as previews
from .addresses import incident_page
from .base import NewsroomAdmin
from .bringing_back import bring_back, chosen_version, version_count
from .collisions import gone, keeps_text, updates_since
from .editing import instead_of_published
from .form_identity import identified, identity, stored, stored_once
from .forms.postmortem import PostmortemForm, field_name, has_sections, sections_of
from .forms.statements import CHECK
from .last_changes import last_edit, last_update
from .publishing_warnings import why_incident_is_unwritten
from .shared import changeable, page, refuse_scheduled, update_of, writer
from .timeline import timeline_of

View = Callable[..., HttpResponse]

# Not “kl. 14.03” or “ca. ti”: the next sentence begins with a capital letter.
_SENTENCE = re.compile(r".+?[.!?…](?=\s+\W?(?![a-zæøå\d])\w|$)")
# What Markdown would read as formatting within a line.
_FORMATTING = re.compile(r"[\\`*\[\]]|(?<!\w)_+|_+(?!\w)")


def is_wanted(incident: Incident) -> bool:
    """Whether the incident is over and has no public postmortem yet."""
    over = incident.is_over and not incident.is_maintenance
    return over and not incident.updates.public().filter(phase=Phase.POSTMORTEM).exists()


def with_text(view: View) -> View:
    """A view that finds the sections of the form as the text of an update, too."""

    @wraps(view)
    def joined(admin: NewsroomAdmin, request: HttpRequest, **kwargs: str) -> HttpResponse:
        if has_sections(request.POST):
            data = request.POST.copy()
            for code, _name in settings.LANGUAGES:
                parts = {name: str(data.get(f"{field_name(name)}_{code}", "")) for name in SECTIONS}
                data[f"text_{code}"] = join(parts, code)
            request.POST = data  # type: ignore[assignment]  # a copy can be written to
        return view(admin, request, **kwargs)

    return joined


preview = with_text(previews.preview_update)
correct = with_text(editing.correct)


@with_text
@keeps_text
def write(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """A new postmortem; a draft that exists already is opened instead."""
    incident = changeable(admin, request, incident_id)
    if incident.is_maintenance:
        raise Http404
    if elsewhere := _elsewhere(admin, request, incident):
        return elsewhere
    own = incident.updates.select_related("incident")
    form = PostmortemForm(request.POST or None, incident=incident, initial=_initial(request, incident))
    form.open_on(of_state(incident), lambda: last_update(incident))
    own = own.exclude(~Q(author=writer(request)), published_at=None)
    if stored_once(
        request,
        form,
        own,
        lambda draft: composing.store_update(request, form, draft, None if draft else form.opened),
    ):
        return HttpResponseRedirect(incident_page(incident))
    return _editor(admin, request, form)


@with_text
def edit_draft(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    """A draft in its editor: a postmortem in sections, any other in the composer."""
    postmortems = Update.objects.filter(pk=update_id, incident__kind=admin.kind, phase=Phase.POSTMORTEM)
    in_sections = has_sections(request.POST) if request.method == "POST" else postmortems.exists()
    view = _edit_postmortem if in_sections else composing.edit_draft
    return view(admin, request, incident_id=incident_id, update_id=update_id)


@keeps_text
def _edit_postmortem(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    incident = changeable(admin, request, incident_id)
    draft = update_of(incident, update_id)
    if draft.is_public:
        return instead_of_published(admin, request, draft)
    refuse_scheduled(admin, request, draft)
    if request.method == "POST" and not incident.is_over:
        return _reopened(admin, request, incident, draft)
    given = {"notify": "yes" if draft.notify else "no", "publish_at": draft.publish_at}
    initial = {**given, **sections_of(draft.text)}
    form = PostmortemForm(request.POST or None, incident=incident, initial=initial, draft=draft)
    if version := chosen_version(request, incident, draft):
        bring_back(form, version)
    form.open_on(of_draft(draft), lambda: last_edit(draft), [NEWEST] if form.is_draft else [])
    if stored(request, form, lambda: composing.store_update(request, form, draft, form.opened)):
        return HttpResponseRedirect(incident_page(incident))
    return _editor(admin, request, form, version)


def _elsewhere(admin: NewsroomAdmin, request: HttpRequest, incident: Incident) -> HttpResponse | None:
    # The page to show instead of a new postmortem: a draft of it, or the incident that is not over.
    key = request.POST.get("id", "")
    drafts = incident.updates.filter(phase=Phase.POSTMORTEM, published_at=None)
    draft = drafts.exclude(pk=key.replace("\0", "")).newest_first().first()
    if request.method == "POST":
        if not incident.is_over:
            return _reopened(admin, request, incident, None)
        if draft is None:
            return None
        sentence = _("A draft of this postmortem exists already. What you wrote is kept here.")
        return gone(admin, request, incident, sentence, draft=draft)
    if draft is not None:
        return HttpResponseRedirect(incident_page(incident, "draft", draft.pk))
    if not incident.is_over:
        return HttpResponseRedirect(incident_page(incident))
    return identified(request, incident.updates.select_related("incident"))


def _reopened(admin: NewsroomAdmin, request: HttpRequest, incident: Incident, draft: Update | None) -> HttpResponse:
    sentence = _("This incident was reopened in the meantime. What you wrote is kept here.")
    return gone(admin, request, incident, sentence, draft=draft)


def _editor(
    admin: NewsroomAdmin, request: HttpRequest, form: PostmortemForm, version: Version | None = None
) -> HttpResponse:
    incident = form.incident
    context: dict[str, Any] = {
        "title": _("Postmortem"),
        "subtitle": words(incident.title),
        "form": form,
        "incident": incident,
        "draft": form.draft,
        "brought_back": version,
        "versions": version_count(incident, form.draft) if form.draft else 0,
        "kind": incident.kind,
        "timeline": timeline_of(incident),
        "hold": settings.ANNOUNCEMENT_HOLD,
        "unwritten": why_incident_is_unwritten(incident),
        "checked": form.action == CHECK,
        "published_since": updates_since(form, incident),
    }
    return page(admin, request, "postmortem", context)


def _initial(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    return {"id": identity(request), **prefilled(incident)}


def prefilled(incident: Incident) -> dict[str, Text]:
    """Return what the incident already says, by section."""
    updates = list(incident.updates.public().newest_first())[::-1]
    written = {code for update in updates for code in update.text}
    with timezone.override(Page.objects.brief().time_zone):
        timeline = Text({code: _timeline(updates, code) for code in written})
    return {"timeline": timeline, "cause": incident.root_cause, "change": incident.next_steps}


def _timeline(updates: list[Update], language: str) -> str:
    with translation.override(language):
        return "\n".join(f"- **{short_moment(one.at)}** – {_first_sentence(one, language)}" for one in updates)


def _first_sentence(update: Update, language: str) -> str:
    # In the active language, which is that of the text; the phase of an update that is not translated.
    line = running_text(markup.html(update.text.get(language, "")))
    found = _SENTENCE.match(line)
    sentence = found[0] if found else line
    return _FORMATTING.sub(_escaped, sentence) or str(update.get_phase_display())


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in found[0])
