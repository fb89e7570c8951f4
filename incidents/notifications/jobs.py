"""The jobs that workers run. Their arguments are ids and numbers; all state is in PostgreSQL.

Do not rename these functions: jobs that are queued during an upgrade contain their dotted paths, which
`queues.JOBS` lists.
"""

from django.utils import timezone

from . import queues
from .ledger import claims
from .sender.email_workers import MailWorker, MessageWorker
from .sender.webhook_worker import WebhookWorker


def deliver(announcement_id: int, batch: int) -> None:
    """Send the emails of an announcement."""
    if MailWorker(announcement_id, batch).run():
        queues.enqueue_emails(announcement_id, 1)
    else:
        claims.delete_orphans(announcement_id, timezone.now())


def send_messages() -> None:
    """Send some of the single messages; another job sends the others, after announcements that are waiting."""
    if MessageWorker().run():
        queues.enqueue_messages()
    else:
        claims.delete_orphans(None, timezone.now())


def post() -> None:
    """Send what is due for webhooks and chats."""
    if WebhookWorker().run():
        queues.enqueue_posts()
