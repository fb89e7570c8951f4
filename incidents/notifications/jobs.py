"""What the workers run. Jobs carry ids and numbers; PostgreSQL holds the truth.

The names of these functions are in the jobs that wait in the queue during an upgrade: do not rename them.
"""

from django.utils import timezone

from . import queues
from .ledger import claims
from .sender.webhook_worker import WebhookWorker
from .sender.worker import MailWorker


def deliver(announcement_id: int | None, batch: int) -> None:
    """Sends the mails of an announcement, or with None the single messages."""
    if MailWorker(announcement_id, batch).run():
        queues.enqueue_mails(announcement_id, 1)
    else:
        claims.forget_orphans(announcement_id, timezone.now())


def post() -> None:
    """Sends what goes to webhooks and chats."""
    if WebhookWorker().run():
        queues.enqueue_posts()
