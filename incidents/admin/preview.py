"""The preview: what readers will get, rendered as it will be, from an update that is published and taken back at once.

The form is stored by the very verbs that “Publish” calls, what follows is rendered by the
very templates, and then the transaction is rolled back. So a preview cannot differ from
what is published, and leaves nothing behind.
"""

import base64
import hashlib
import html
import re
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone, translation

from ..formats import moment
from ..models import Announcement, Page, Update
from ..models.ids import LENGTH, new_id
from ..notifications.messages import email
from ..publishing.documents.base import PUBLISHED_MARK, Edition
from ..publishing.documents.feed_entries import update_entry
from ..publishing.documents.pages import IncidentPage
from ..status import Phase
from .base import NewsroomAdmin
from .composing import next_phases, opening_form, store_opening, store_update
from .forms.components import component_rows, given_by, standing_in
from .forms.statements import PUBLISH, StatementForm, UpdateForm
from .shared import changeable, writer

_SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)  # the frame would refuse them
_STYLES = re.compile(r'(?<=\sstyle=")[^"]*(?=")|(?<=<style>).*?(?=</style>)', re.DOTALL)


Rehearsal = tuple[StatementForm, Callable[[], Update]]


class Rehearsed(Exception):
    """Ends the rehearsal, so that nothing of it stays; carries what was rendered."""


def preview_new(admin: NewsroomAdmin, request: HttpRequest) -> HttpResponse:
    if not admin.has_add_permission(request):
        raise PermissionDenied

    def rehearse(data: QueryDict) -> Rehearsal:
        draft = _draft(data, Update.objects.filter(incident__kind=admin.kind, author=writer(request)))
        form = opening_form(admin.kind, data)
        return form, lambda: store_opening(admin, request, form, draft)

    return _preview(request, rehearse)


def preview_update(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = changeable(admin, request, incident_id)

    def rehearse(data: QueryDict) -> Rehearsal:
        draft = _draft(data, incident.updates.select_related("incident"))
        phases = [*next_phases(incident), *next_phases(incident, reopening=True), *([draft.phase] if draft else [])]
        rows = component_rows(standing_in(incident) | (given_by(draft) if draft else {}))
        form = UpdateForm(data, incident=incident, phases=list(dict.fromkeys(map(Phase, phases))), rows=rows)
        return form, lambda: store_update(admin, request, form, draft)

    return _preview(request, rehearse)


def _draft(data: QueryDict, own: QuerySet[Update]) -> Update | None:
    """The draft that the form is about; for anything else the form gets an id that is free."""
    draft = own.filter(pk=data.get("id", "")[:LENGTH].replace("\0", ""), published_at=None).first()
    if draft is None:
        data["id"] = new_id()
    return draft


def _preview(request: HttpRequest, rehearse: Callable[[QueryDict], Rehearsal]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    data = request.POST.copy()
    data["action"], data["publish_at"] = PUBLISH, ""
    return _framed(_rendered(request, *rehearse(data)))


def _rendered(request: HttpRequest, form: StatementForm, store: Callable[[], Update]) -> str:
    """The preview, or what keeps it from being published yet."""
    if form.is_valid():
        try:
            with transaction.atomic():
                raise Rehearsed(_shown(request, store()))
        except ValidationError as refusal:
            form.refuse(refusal)
        except Rehearsed as done:
            return str(done)
    return render_to_string("admin/newsroom/preview_nothing.html", {"form": form, "page": Page.objects.current()})


def _shown(request: HttpRequest, update: Update) -> str:
    """As `preview` says: page, mail or feed and the language, `mail-en`."""
    kind, _dash, wanted = request.POST.get("preview", "").partition("-")
    language = wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    edition = Edition(Page.objects.current(), language)
    with translation.override(language):
        if kind == "mail":
            return _letter(update, language)
        if kind == "feed":
            return render_to_string(
                "admin/newsroom/preview_feed.html", {"entry": update_entry(edition, update), "page": edition.page}
            )
        content = IncidentPage().render(update.incident_id, edition) or ""
        return _SCRIPTS.sub("", content).replace(PUBLISHED_MARK, moment(timezone.now()))


def _letter(update: Update, language: str) -> str:
    """The letter's body, with its subject above."""
    subject, body = email.preview(Announcement(update=update), language)
    return re.sub(r"(<body[^>]*>)", rf"\1<p><strong>{html.escape(subject)}</strong></p><hr>", body, count=1)


def _framed(content: str) -> HttpResponse:
    """May stand in a frame of the newsroom's own, and do nothing there: no script, no form, no style but its own."""
    hashes = {base64.b64encode(hashlib.sha256(found.encode()).digest()).decode() for found in _own_styles(content)}
    styles = " ".join(
        ["'self'", *(["'unsafe-hashes'"] if hashes else []), *(f"'sha256-{one}'" for one in sorted(hashes))]
    )
    policy = f"default-src 'none'; style-src {styles}; img-src 'self'; frame-ancestors 'self'; base-uri 'none'; sandbox"
    return HttpResponse(content, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})


def _own_styles(content: str) -> list[str]:
    return [html.unescape(found) for found in _STYLES.findall(content)]
