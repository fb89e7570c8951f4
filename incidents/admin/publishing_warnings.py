"""Explains to staff which changes readers do not see because the public page could not be written."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from ..models import Incident, StaleSubject
from ..models.publication import StaleSubjectQuerySet
from ..publishing import failures
from ..publishing.failures import Cause
from ..wording import words
from .filters import FilteredAdmin

_INCIDENT = re.compile("/incidents/([^/]+)/")
_MAX_NAMED = 3


def why_unwritten(stale: StaleSubjectQuerySet | None = None) -> str:
    """A sentence that says why changes (to these subjects, or any) are not public; "" if they are."""
    stale = StaleSubject.objects.all() if stale is None else stale
    reasons = failures.parse_reasons(stale.failed().values_list("error", flat=True))
    causes = Counter(map(failures.cause_of, reasons.values()))
    if not causes:
        return ""
    (cause, _number), *_others = causes.most_common(1)
    return _failed_documents(reasons) if cause is Cause.DOCUMENT else _words()[cause]


def why_incident_is_unwritten(incident: Incident) -> str:
    return why_unwritten(StaleSubject.objects.of_incident(incident.pk))


def say_done(request: HttpRequest, incident: Incident, sentence: str) -> None:
    """Show the sentence if the change is public; otherwise say that it is saved, and why readers do not see it."""
    if why := why_incident_is_unwritten(incident):
        _say_saved_only(request, why)
    else:
        messages.success(request, sentence)


class PublishingAdmin(FilteredAdmin[Any]):
    """An admin whose changes are public: warns after the transaction if they could not be published.

    The forms add their own messages inside the transaction, before anything is published.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _warning(request):
            return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        with _warning(request):
            return super().changelist_view(request, extra_context)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _warning(request):
            return super().delete_view(request, *args, **kwargs)


@contextmanager
def _warning(request: HttpRequest) -> Iterator[None]:
    # Warn afterwards if changes made in the block could not be published.
    begun = timezone.now()
    yield
    if request.method == "POST" and (why := why_unwritten(StaleSubject.objects.filter(since__gte=begun))):
        _say_saved_only(request, why)


def _say_saved_only(request: HttpRequest, why: str) -> None:
    said = _(
        "Saved, but readers still see the page as it was. %(why)s It is published automatically once that is fixed."
    )
    messages.warning(request, said % {"why": why}, extra_tags="unwritten")  # admin-live.js removes it


def unwritten_sentence(why: str) -> str:
    """For every page of the admin."""
    said = _("Readers do not see the latest changes yet. %(why)s They are published automatically once that is fixed.")
    return said % {"why": why}


def _failed_documents(reasons: Mapping[str, str]) -> str:
    # Name the incidents or addresses whose documents raise errors, with the reasons.
    failed = {path: reason for path, reason in reasons.items() if failures.cause_of(reason) is Cause.DOCUMENT}
    keys = {path: found[1] for path in failed if (found := _INCIDENT.search(path))}
    titles = Incident.objects.in_bulk(set(keys.values()))
    named = dict[str, str]()
    for path, reason in failed.items():
        incident = titles.get(keys.get(path, ""))
        named.setdefault(words(incident.title) if incident else path, reason)
    documents = [f"{name} ({Truncator(reason).chars(200)})" for name, reason in named.items()]
    listing = "; ".join([*documents[:_MAX_NAMED], *(["…"] if len(documents) > _MAX_NAMED else [])])
    return _("Not published because of an error: %(documents)s.") % {"documents": listing}


def _words() -> dict[Cause, str]:
    return {
        Cause.NO_SPACE: _("There is no space left where the page is stored."),
        Cause.READ_ONLY: _("The place where the page is stored is read-only."),
        Cause.FORBIDDEN: _("Access to the place where the page is stored is denied."),
        Cause.NO_FOLDER: _("The folder where the page is stored is missing."),
        Cause.STORE: _("The place where the page is stored cannot be written to."),
        Cause.MIRROR: _("The copy of the page on other servers could not be updated."),
    }
