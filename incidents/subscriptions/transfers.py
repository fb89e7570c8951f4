"""Record imports and exports of subscribers in the audit log, and list them."""

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from ..models import AuditEntry
from ..staff import audit
from ..staff.actors import person

_EXPORT, _IMPORT = "export_subscribers", "import_subscribers"


def record_export(*, by: AbstractBaseUser, number: int, file: str, network: str = "") -> None:
    """Record an export; `network` is where the request for it came from."""
    audit.record(person(by, network), _EXPORT, None, after={"number": number, "file": file})


def record_import(*, by: AbstractBaseUser, number: int, consent_source: str, file: str) -> None:
    """Record an import; `consent_source` is empty if only the lines of the file contain it."""
    after = {"number": number, "file": file, "consent_source": consent_source}
    audit.record(person(by), _IMPORT, None, after=after)


def records() -> QuerySet[AuditEntry]:
    """Return the imports and exports, the newest first."""
    return AuditEntry.objects.filter(operation__in=[_EXPORT, _IMPORT])
