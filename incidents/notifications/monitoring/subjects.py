"""What a delivery is about, in the active language: for the admin and for the log of a webhook's owner."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from ...models import Delivery
from ...wording import passage

# What `subject` reads.
RELATED = ("announcement__update__incident", "component_update__component")


def subject(delivery: Delivery) -> SafeString:
    """Return the title of the incident, or the component with its new status; for any other message, its kind."""
    if delivery.announcement is not None:
        return passage(delivery.announcement.update.incident.title)
    if delivery.component_update is not None:
        update = delivery.component_update
        return format_html("{}: {}", passage(update.component.name), update.get_new_status_display())
    return format_html("{}", Delivery.Letter(delivery.letter).label)
