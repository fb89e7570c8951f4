"""Record imports and exports of subscribers in the audit log, and in Django's admin log for the page of exports."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext

from ..models import Subscriber
from ..staff import audit
from ..staff.actors import person

# Marks imports and exports in the log: they are about no single subscriber.
_NO_OBJECT = ""


def record_export(*, by: AbstractBaseUser, number: int, file: str, network: str = "") -> None:
    """Record an export; `network` is where the request for it came from."""
    sentence = ngettext(
        "Exported %(count)d subscriber to %(file)s.", "Exported %(count)d subscribers to %(file)s.", number
    )
    _record(by, gettext("All subscribers"), sentence % {"count": number, "file": file})
    audit.record(person(by, network), "export_subscribers", None, after={"number": number, "file": file})


def record_import(*, by: AbstractBaseUser, number: int, consent_source: str, file: str) -> None:
    """Record an import; `consent_source` is empty if only the lines of the file contain it."""
    sentence = ngettext(
        "Imported %(count)d subscriber from %(file)s (source of consent: %(source)s).",
        "Imported %(count)d subscribers from %(file)s (source of consent: %(source)s).",
        number,
    )
    source = consent_source or gettext("as given in the file")
    _record(by, gettext("Imported subscribers"), sentence % {"count": number, "file": file, "source": source})
    after = {"number": number, "file": file, "consent_source": consent_source}
    audit.record(person(by), "import_subscribers", None, after=after)


def records() -> QuerySet[LogEntry]:
    """Return the imports and exports, the newest first."""
    kind = ContentType.objects.get_for_model(Subscriber)
    found = LogEntry.objects.filter(content_type=kind, object_id=_NO_OBJECT)
    return found.select_related("user").order_by("-action_time", "-pk")


def _record(by: AbstractBaseUser, subject: str, message: str) -> None:
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(Subscriber),
        object_id=_NO_OBJECT,
        object_repr=subject,
        action_flag=CHANGE,
        change_message=message,
    )
