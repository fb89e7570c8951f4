"""The preview: the pages, emails and feed entries as readers will get them.

The form is stored with the same verbs and rendered with the same templates as by "Publish".
Then the transaction is rolled back. So a preview cannot differ from what is published, and
leaves nothing behind.
"""

import base64
import hashlib
import html
import re
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.template.loader import render_to_string
from django.utils import timezone, translation

from ..formats import moment
from ..models import AffectedComponent, Announcement, Page, Update
from ..models.ids import LENGTH, new_id
from ..notifications.messages import email
from ..publishing.documents.base import PUBLISHED_MARK, Edition
from ..publishing.documents.feed_entries import update_entry
from ..publishing.documents.pages import IncidentPage
from ..staff.actors import command
from .base import NewsroomAdmin
from .composing import opening_form, posted_update_form, store_opening, store_update
from .forms.statements import PUBLISH, StatementForm
from .shared import changeable, writer

_SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)  # the frame's policy blocks them
_STYLES = re.compile(r'(?<=\sstyle=")[^"]*(?=")|(?<=<style>).*?(?=</style>)', re.DOTALL)


# Staff who may only write drafts see what publishing them would show. It is rolled back, with its audit entry.
_REHEARSAL = command("preview")
Rehearsal = tuple[StatementForm, Callable[[], Update]]


class Rehearsed(Exception):
    """Raised to roll the transaction back; carries what was rendered."""


def preview_new(admin: NewsroomAdmin, request: HttpRequest) -> HttpResponse:
    if not admin.has_add_permission(request):
        raise PermissionDenied

    def rehearse(data: QueryDict) -> Rehearsal:
        draft = _draft(data, Update.objects.filter(incident__kind=admin.kind, author=writer(request)))
        form = opening_form(admin.kind, data)
        return form, lambda: store_opening(admin, request, form, draft, by=_REHEARSAL)

    return _preview(request, rehearse)


def preview_update(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = changeable(admin, request, incident_id)

    def rehearse(data: QueryDict) -> Rehearsal:
        draft = _draft(data, incident.updates.select_related("incident"))
        form = posted_update_form(incident, data, draft)
        return form, lambda: store_update(request, form, draft, by=_REHEARSAL)

    return _preview(request, rehearse)


def _draft(data: QueryDict, own: QuerySet[Update]) -> Update | None:
    # The draft of this form; otherwise a free id is set.
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
    # The preview, or the errors that prevent publication.
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
    # `preview` names the form and the language: `page-da`, `mail-en`, `feed-en`.
    kind, _dash, wanted = request.POST.get("preview", "").partition("-")
    language = wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    edition = Edition(Page.objects.current(), language)
    with translation.override(language):
        if kind == "mail":
            return _letter(update, language)
        if kind == "feed":
            affected = AffectedComponent.objects.select_related("component").with_derived_status()
            prefetch_related_objects([update], Prefetch("affected", affected))
            return render_to_string(
                "admin/newsroom/preview_feed.html", {"entry": update_entry(edition, update), "page": edition.page}
            )
        content = IncidentPage().render(update.incident_id, edition) or ""
        return _SCRIPTS.sub("", content).replace(PUBLISHED_MARK, moment(timezone.now()))


def _letter(update: Update, language: str) -> str:
    # The email's body below its subject.
    subject, body = email.preview(Announcement(update=update), language)
    return re.sub(r"(<body[^>]*>)", rf"\1<p><strong>{html.escape(subject)}</strong></p><hr>", body, count=1)


def _framed(content: str) -> HttpResponse:
    # Headers for a frame in the newsroom: no scripts, no forms, no foreign styles.
    hashes = {base64.b64encode(hashlib.sha256(found.encode()).digest()).decode() for found in _own_styles(content)}
    styles = " ".join(
        ["'self'", *(["'unsafe-hashes'"] if hashes else []), *(f"'sha256-{one}'" for one in sorted(hashes))]
    )
    policy = f"default-src 'none'; style-src {styles}; img-src 'self'; frame-ancestors 'self'; base-uri 'none'; sandbox"
    return HttpResponse(content, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})


def _own_styles(content: str) -> list[str]:
    return [html.unescape(found) for found in _STYLES.findall(content)]
