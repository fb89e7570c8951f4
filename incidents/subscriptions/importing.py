"""Import subscribers from a table: our own export, Statuspage's export or its import template.

Each line is one subscriber. No email is sent, because consent was given elsewhere; its
source is recorded with each subscriber, and its time if the table contains it. Existing
subscribers keep their choices. Unsubscribed, erased and suspended subscribers are not
reactivated.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from ..models import Subscriber
from ..models.ids import new_id
from . import consents, lifecycle, transfers
from .component_names import ComponentNames
from .import_table import Candidate, ImportedLine, ImportResult, InvalidLine, Table
from .inserting import insert
from .lifecycle import Choices, State

BATCH = 1_000
_IMPORTED = {"state": State.ACTIVE, "consent_method": Subscriber.ConsentMethod.IMPORT}
# Asked for each key, because PostgreSQL would read all subscribers instead as long as it has no statistics of them.
_ERASED = f"""
SELECT key FROM unnest(%s::text[]) AS given (key)
 WHERE EXISTS (SELECT FROM {Subscriber._meta.db_table} WHERE erased_key = key AND erased_key <> '')
"""  # noqa: S608 - own names


@dataclass(frozen=True)
class ImportSource:
    """The staff account that imports a table, its file, and where consent was given if a line does not contain it."""

    by: AbstractBaseUser
    file: str
    consent: str = ""


def import_subscribers(
    *,
    lines: Iterable[tuple[int, list[str]]],
    source: ImportSource,
    components: ComponentNames,
    refuse_unknown: bool = True,
    dry_run: bool = False,
) -> Iterator[ImportedLine]:
    """Import all valid lines in one transaction, in batches, and yield the result of each line.

    `lines` are pairs of line number and cells. A line that names an unknown component is refused, or else imported
    for those it names that are known, and for all if there are none. `dry_run` rolls back at the end. Raises
    InvalidLine if the table has no column of addresses.
    """
    remaining = iter(lines)
    first = next(remaining, None)
    if first is None:
        return
    table = Table(first[1], source.consent, components, refuse_unknown)
    if not table.has_heading:
        remaining = chain([first], remaining)
    with transaction.atomic():
        number = 0
        while batch := list(islice(remaining, BATCH)):
            results = _import_batch(table, batch)
            number += sum(line.result is ImportResult.IMPORTED for line in results)
            yield from results
        transfers.record_import(by=source.by, number=number, consent_source=source.consent, file=source.file)
        transaction.set_rollback(dry_run)


def import_one(*, address: str, choices: Choices, consent: str) -> ImportResult:
    """Store one active subscriber whose consent was given elsewhere, at a time that is not known.

    As in a table, existing subscribers keep their choices, and those who left are not reactivated.
    """
    subscriber = Subscriber.values(
        address,
        id=new_id(),
        language=choices.language,
        wants_incidents=choices.wants_incidents,
        wants_maintenance=choices.wants_maintenance,
        consent_source=consent,
        requested_at=None,
    )
    candidate = Candidate(1, subscriber, list(choices.components))
    (line,) = _store({candidate.key: candidate})
    return line.result


def summarise_import(results: Counter[ImportResult]) -> str:
    return ", ".join(f"{number} {result.value}" for result in ImportResult if (number := results[result])) or "no lines"


def _import_batch(table: Table, batch: list[tuple[int, list[str]]]) -> list[ImportedLine]:
    candidates: dict[str, Candidate] = {}
    refused = []
    for number, cells in batch:
        try:
            candidate = table.candidate(number, cells)
        except InvalidLine as error:
            refused.append(ImportedLine(number, "", error.result, error.reason, error.unknown))
            continue
        if table.is_double(candidate):
            refused.append(candidate.line(ImportResult.DUPLICATE))
        else:
            candidates[candidate.key] = candidate
    return sorted([*refused, *_store(candidates)], key=lambda line: line.number)


def _store(candidates: dict[str, Candidate]) -> Iterator[ImportedLine]:
    # Store a batch in five statements. A sign-up at the same moment takes precedence.
    known = _known(candidates)
    new = [candidate for key, candidate in candidates.items() if key not in known]
    created = insert(Subscriber, [candidate.subscriber for candidate in new], _IMPORTED, skip_existing=True)
    ids = set(created)
    choices = [
        {"subscriber_id": candidate.subscriber["id"], "component_id": component.pk}
        for candidate in new
        if candidate.components and candidate.subscriber["id"] in ids
        for component in candidate.components
    ]
    insert(Subscriber.components.through, choices)
    consents.record_import(created)
    for key, candidate in candidates.items():
        result = known.get(key) or (ImportResult.IMPORTED if candidate.subscriber["id"] in ids else ImportResult.KNOWN)
        yield candidate.line(result)


def _known(candidates: dict[str, Candidate]) -> dict[str, ImportResult]:
    # Return the result of each canonical address that is not imported.
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(canonical_address="")
    # As one parameter: `__in` has one for each address, which takes several times as long.
    is_candidate = RawSQL("canonical_address = ANY(%s)", [list(candidates)], BooleanField())
    existing = mail.filter(is_candidate)
    opted_out = {State.UNSUBSCRIBED, State.SUSPENDED}
    found = {
        key: ImportResult.UNSUBSCRIBED if state in opted_out else ImportResult.KNOWN
        for key, state in existing.values_list("canonical_address", "state")
    }
    new = [key for key in candidates if key not in found]
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = {hashed: key for one in secrets for hashed, key in zip(lifecycle.erased_keys(new, one), new, strict=True)}
    with connection.cursor() as cursor:
        cursor.execute(_ERASED, [list(keys)])
        return found | {keys[key]: ImportResult.ERASED for (key,) in cursor.fetchall()}
