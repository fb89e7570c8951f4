"""What a restored database must not do: SQL that runs in the transaction of the restore, before anyone can connect.

Between the backup and the restore the page went on: messages that were waiting have been sent, people have logged out.
Nothing of that is in the backup, so nothing that was pending may continue by itself. In SQL, because the tables may be
those of an older version: `migrate` runs afterwards. Each statement must fit the schema since 0043, the first that was
backed up.
"""

from datetime import datetime

from psycopg import sql

from ..models import DeliveryState, SkipReason
from ..models.deliveries import WAITING

# Ids that were given out after the backup must not be given out again: bounce addresses have the ids of deliveries,
# and Message-IDs those of announcements, by which mail programs and webhooks recognise duplicates.
_GAPS = {"incidents_delivery": 1_000_000_000, "incidents_announcement": 1_000_000}
# Owners are notified a week before their token ends; see `sign_in.token_emails`. Reminders of maintenance whose time
# came before `revised_at` are not sent; see `models.reminders`.
_STATEMENTS = """
WITH done AS (
    UPDATE public.incidents_delivery
       SET state = {skipped}, skip_reason = {restored}, holder = NULL, claimed_at = NULL
     WHERE state = ANY({pending}) RETURNING 1
) SELECT '@deliveries ' || count(*) FROM done;
WITH done AS (
    UPDATE public.incidents_announcement SET cancelled_at = {now}
     WHERE expanded_at IS NULL AND cancelled_at IS NULL RETURNING 1
) SELECT '@announcements ' || count(*) FROM done;
WITH done AS (
    UPDATE public.incidents_update SET publish_at = NULL
     WHERE published_at IS NULL AND publish_at <= {now} RETURNING 1
) SELECT '@drafts ' || count(*) FROM done;
WITH done AS (DELETE FROM public.incidents_subscriptionrequest RETURNING 1)
SELECT '@requests ' || count(*) FROM done;
UPDATE public.incidents_componentupdate SET cancelled_at = {now} WHERE expanded_at IS NULL AND cancelled_at IS NULL;
UPDATE public.incidents_apitoken SET expiry_notified_at = {now}
 WHERE expiry_notified_at IS NULL AND expires_at < {now}::timestamptz + interval '7 days';
UPDATE public.incidents_incident SET revised_at = {now}
 WHERE phase = 'scheduled' AND published_at IS NOT NULL AND scheduled_for < {now}::timestamptz + interval '7 days';

DELETE FROM public.django_session;
UPDATE public.incidents_staffsession SET ended_at = {now} WHERE ended_at IS NULL;
DELETE FROM public.incidents_loginlink;
DELETE FROM public.incidents_trusteddevice;
UPDATE public.incidents_unsavedform SET seen_at = NULL;

DELETE FROM public.incidents_holder;
DELETE FROM public.incidents_heartbeat;
UPDATE public.incidents_destination SET prober = NULL;
"""
_GAP = """
SELECT setval(name, coalesce(pg_catalog.pg_sequence_last_value(name), 0) + {gap})
  FROM (SELECT pg_catalog.pg_get_serial_sequence({table}, 'id')::regclass AS name) AS sequence;
"""


def statements(now: datetime) -> str:
    """Return the SQL. Lines of its output such as `@deliveries 12` say how many rows were stopped."""
    quiet = sql.SQL(_STATEMENTS).format(
        now=now.isoformat(),
        skipped=DeliveryState.SKIPPED.value,
        restored=SkipReason.RESTORED.value,
        pending=[state.value for state in (*WAITING, DeliveryState.SENDING)],
    )
    gaps = [sql.SQL(_GAP).format(table=f"public.{table}", gap=gap) for table, gap in _GAPS.items()]
    return sql.Composed([quiet, *gaps]).as_string(None)
