"""What saving a correction, changed details or a draft would do, for the sentence beside its button."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.forms import BaseForm
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import operations
from ..formats import span
from ..models import Announcement, Incident, Update
from ..notifications.reach import reach, reach_of
from ..operations import moves
from ..operations.effects import named_components
from ..operations.snapshots import of_draft
from ..operations.statements import Window
from ..wording import language_name, listed
from .composing import posted_update_form
from .forecast import Forecast, forecast_of, missing_translations
from .forms.components import with_others
from .forms.details import DetailsForm
from .forms.statements import CorrectionForm, RefusableForm
from .maintenance_warnings import warnings_of


def forecast_of_correction(form: CorrectionForm) -> Forecast:
    """Return what “Publish the correction” would do with the form as it is, or what is wrong with it."""
    if refusal := _refusal(form):
        return refusal
    update, text = form.update, form.cleaned_data["text"]
    if all(getattr(update, name) == form.cleaned_data[name] for name in form.names):
        return _nothing()
    if not update.incident.is_public:
        return _quiet(_("The correction is stored. The incident is withdrawn: readers do not see it."))
    warnings = list(missing_translations([text]))
    added = operations.added_languages(update, text) if form.is_translation else []
    readers = _readers_of_text(added)
    if Announcement.objects.held_for_all(update).exists():
        held = _("The message about this update is still held and will contain it; nobody gets another one.")
        return replace(_quiet(_at_once(), warnings), readers=f"{held} {readers}")
    if added:
        people = reach_of(operations.readers_without_translation(update, added))
        notifies = form.cleaned_data.get("notify_translation") == "yes"
    else:
        notifies = form.cleaned_data.get("notify") == "yes"
        people = reach(update.incident.kind, [], update.incident) if notifies else ""
    if notifies:
        return Forecast(True, None, people, readers, warnings, lead=f"{_at_once()} {_after_hold_cancellable()}")
    return replace(_quiet(f"{_at_once()} {_nobody()}", warnings), readers=readers)


def _readers_of_text(added: list[str]) -> str:
    if not added:
        return _("Readers see the mark “Edited” and can open the earlier text.")
    languages = listed([language_name(code) for code in added])
    return _("Readers see the text in %(languages)s, without the mark “Edited”.") % {"languages": languages}


def forecast_of_details(form: DetailsForm, incident: Incident) -> Forecast:
    """Return what “Save” would do with the form as it is, or what is wrong with it."""
    if refusal := _refusal(form):
        return refusal
    labels = [str(form.fields[name].label) for name in form.names if name in form.changed_data]
    if not labels:
        return _nothing()
    before, after = moves.window_of(incident), moves.moved_window(incident, form.details())
    warnings: list[str] = []
    if after and after != before:
        warnings += warnings_of(after, named_components(incident), incident, form.details())
    if not incident.is_public:
        lead = _("The details are stored. The incident is not public: readers do not see them.")
        return _quiet(lead, warnings)
    readers = _("This changes for readers at once: %(fields)s.") % {"fields": ", ".join(labels)}
    if form.moves_times:
        readers += " " + _(
            "First you see what the new times change. Webhooks are notified of components that get another status."
        )
    if not form.notifies_of_move or before is None or after is None:
        return replace(_quiet(_nobody(), warnings), readers=readers)
    return _move(incident, before, after, readers, warnings)


def _move(incident: Incident, before: Window, after: Window, readers: str, warnings: list[str]) -> Forecast:
    if after.end <= timezone.now():
        warnings = [_("This time has passed. Choose a later one.")]  # it is refused; nothing else matters
    held = operations.held_move(incident)
    if held is not None:
        before = held.before
    if before == after:
        lead = _("This restores the time that subscribers know. They are notified of neither change.")
        return replace(_quiet(lead, warnings), readers=readers)
    lead = _("“Save” publishes an update with the new and the former time.") + " " + _after_hold()
    if held is not None:
        lead += " " + _("It replaces the one about the earlier change, of which nobody has been notified yet.")
    return Forecast(True, None, reach(incident.kind, [], incident), _with_times(readers, after), warnings, lead=lead)


def _with_times(readers: str, after: Window) -> SafeString:
    return format_html("{} {}", readers, _new_time(after))


def _new_time(after: Window) -> SafeString:
    return format_html(_("New planned time: {time}."), time=span(after.start, after.end))


def forecast_of_draft(draft: Update) -> Forecast:
    """Return what publishing a stored draft now would do."""
    incident = draft.incident
    stored = of_draft(draft)
    empty = posted_update_form(incident, {}, draft)
    empty.open_on(stored)
    boxes = {**empty.boxes(stored), "id": draft.pk, "publish_at": "", "action": "publish"}
    form = posted_update_form(incident, boxes, draft)
    form.rows = with_others(form.rows, incident)
    # Whether a backdated draft notifies was decided when it was saved.
    found = forecast_of(form, incident.kind, incident, notifies=draft.notify)
    if move := moves.move_of(draft):
        return replace(found, readers=format_html("{} {}", found.readers, _new_time(move.after)))
    return found


def _refusal(form: RefusableForm) -> Forecast | None:
    # Why nothing would be stored: somebody else's changes, or errors.
    if form.is_bound and not form.is_ready():
        return _quiet(_("Somebody else has saved something since. You see it first; nothing is stored yet."))
    return None if form.is_valid() else _quiet(_("This cannot be saved yet."), list(_errors(form)))


def _errors(form: BaseForm) -> Iterable[str]:
    for name, errors in form.errors.items():
        label = f"{form[name].label}: " if name in form.fields else ""
        yield format_html("{}{}", label, format_html_join(" ", "{}", ((error,) for error in errors)))


def _nothing() -> Forecast:
    return _quiet(_("Nothing is changed so far: nothing would be stored, and nobody is notified."))


def _quiet(lead: str, warnings: Sequence[Any] = ()) -> Forecast:
    return Forecast(notifies=False, publish_at=None, reach="", readers="", warnings=list(warnings), lead=lead)


def _nobody() -> str:
    return _("Nobody is notified.")


def _at_once() -> str:
    return _("“Publish the correction” puts this on the page at once.")


def _after_hold() -> str:
    seconds = settings.ANNOUNCEMENT_HOLD
    sentence = ngettext(
        "Subscribers are notified %(seconds)d second later; until then you can undo it.",
        "Subscribers are notified %(seconds)d seconds later; until then you can undo it.",
        seconds,
    )
    return sentence % {"seconds": seconds}


def _after_hold_cancellable() -> str:
    seconds = settings.ANNOUNCEMENT_HOLD
    sentence = ngettext(
        "Subscribers are notified %(seconds)d second later; until then you can cancel the message.",
        "Subscribers are notified %(seconds)d seconds later; until then you can cancel the message.",
        seconds,
    )
    return sentence % {"seconds": seconds}
