"""What the queue carries: ids and numbers, and nothing that PostgreSQL does not know better."""

from . import delivery


def deliver(announcement_id: int | None, batch: int) -> None:
    """Works off an announcement, or with None the letters that belong to none."""
    delivery.work(announcement_id, batch)


def post() -> None:
    """Works off what goes to webhooks and chats."""
    delivery.work_posts()
