"""A form is stored once: its identity is chosen when it is first opened, and its address keeps it.

So the form that Back, a reload or a restored tab shows is the same one, and so is the form
that is sent again after a broken connection.
"""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _

from ..models import Update
from ..models.ids import new_id
from ..operations.snapshots import Collision
from .addresses import incident_page, is_id
from .forms.statements import CHECK, TEMPLATE, StatementForm
from .shared import say_what_happened


def identity(request: HttpRequest) -> str:
    """Return the identity of the form that the address names, else a new one."""
    key = request.GET.get("form", "")
    return key if is_id(key) else new_id()


def identified(request: HttpRequest, own: QuerySet[Update]) -> HttpResponseRedirect | None:
    """Return where to go instead of opening a form: to the address of a new form, or to what this one stored.

    `own` are the updates that this form can have stored.
    """
    key = request.GET.get("form", "")
    if request.method == "POST" or (is_id(key) and not Update.objects.filter(pk=key).exists()):
        return None
    if is_id(key) and (twin := own.filter(pk=key).first()):
        return HttpResponseRedirect(incident_page(_already(request, twin).incident))
    query = request.GET.copy()
    query["form"] = new_id()
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def stored_once(
    request: HttpRequest, form: StatementForm, own: QuerySet[Update], store: Callable[[Update | None], Update]
) -> Update | None:
    """As `stored`, but the same form sent twice returns what the first one stored.

    An update that is public by then stays as it is; another text than its own is refused and kept. A
    draft gets the new content, because staff may have gone back to correct it: it is passed to `store`.
    `own` are the updates that this form can have stored.
    """
    if request.method != "POST" or form.action in {TEMPLATE, CHECK}:
        return None
    key = str(form["id"].value())
    try:
        if twin := twin_of(own, key):
            return _published(request, form, twin) if twin.is_public else stored(request, form, lambda: store(twin))
        return _store_first(request, form, lambda: store(None)) or _stored_concurrently(request, twin_of(own, key))
    except Update.DoesNotExist:
        form.refuse(ValidationError(_("This form was used for something else already. Copy your text into a new one.")))
        return None


def _store_first(request: HttpRequest, form: StatementForm, store: Callable[[], Update]) -> Update | None:
    # As `stored`; also None if the same form, sent concurrently, was stored first.
    try:
        return stored(request, form, store)
    except IntegrityError:
        return None


def _stored_concurrently(request: HttpRequest, twin: Update | None) -> Update | None:
    # What the same form stored concurrently; None if this one was refused for its content.
    return _already(request, twin) if twin else None


def twin_of(own: QuerySet[Update], key: str) -> Update | None:
    """What was stored under that id. Raises DoesNotExist if it is not in `own`."""
    return own.get(pk=key) if is_id(key) and Update.objects.filter(pk=key).exists() else None


def stored(request: HttpRequest, form: StatementForm, store: Callable[[], Update]) -> Update | None:
    """Store a valid form. Errors raised by the verb are added to the form, and so is what somebody else changed."""
    if form.action in {TEMPLATE, CHECK} or not form.is_ready() or not form.is_valid():
        return None
    try:
        with transaction.atomic():
            update = store()
    except Collision as collision:
        return None if form.follow(collision.theirs) else stored(request, form, store)
    except ValidationError as refusal:
        form.refuse(refusal)
        return None
    say_what_happened(request, update)
    return update


def _published(request: HttpRequest, form: StatementForm, twin: Update) -> Update | None:
    # What the form published already; None if its text is another one now.
    form.is_valid()
    if form.cleaned_data.get("text", twin.text) == twin.text:
        return _already(request, twin)
    form.is_ready()  # from now on it is opened on what it published itself
    form.is_overtaken = False
    form.renew()
    form.refuse(
        ValidationError(_("This form was published before, with another text. Press again to post this one as well."))
    )
    return None


def _already(request: HttpRequest, twin: Update) -> Update:
    messages.info(request, _("This was saved already. Nothing was done twice."))
    return twin
