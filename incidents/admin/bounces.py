"""Bounces and their consequences."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..models import Bounce
from ..wording import short_moment
from .addresses import subscriber_page
from .read_only import SubscriberRowsAdmin, sees_addresses


@admin.register(Bounce)
class BounceAdmin(SubscriberRowsAdmin):
    list_filter = ("consequence",)
    list_select_related = ("subscriber",)
    list_display_links = ("consequence",)
    ordering = ("-received_at", "-id")
    # By the panels and the subscriber pages.
    linked_by = ("announcement__id__exact", "subscriber__id__exact")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        if sees_addresses(request.user):
            return ("full_address", "consequence", "reply_or_subject", "status", "received")
        return ("masked_address", "consequence", "masked_reply", "status", "received")

    def get_fields(self, request: HttpRequest, obj: Bounce | None = None) -> tuple[str, ...]:
        address, reply = self._shown(request)
        if obj is None or obj.consequence != Bounce.Consequence.UNKNOWN:
            return (address, "announcement", "consequence", "status", reply, "received_at")
        # A person may have written it.
        written = ("subject", "sender_domain", "excerpt") if sees_addresses(request.user) else ()
        return (address, "announcement", "consequence", *written, "received_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Bounce | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("subscriber__canonical_address__exact",)

    def _shown(self, request: HttpRequest) -> tuple[str, str]:
        return ("full_address", "reply") if sees_addresses(request.user) else ("masked_address", "masked_reply")

    @admin.display(description=pgettext_lazy("delivery", "to"))
    def full_address(self, bounce: Bounce) -> SafeString:
        return _linked(bounce, bounce.subscriber.readable_address)

    @admin.display(description=pgettext_lazy("delivery", "to"))
    def masked_address(self, bounce: Bounce) -> SafeString:
        return _linked(bounce, bounce.subscriber.masked_address)

    @admin.display(description=_("reply"))
    def masked_reply(self, bounce: Bounce) -> str:
        return bounce.subscriber.masked_reply(bounce.reply) or "–"

    @admin.display(description=_("reply or subject"))
    def reply_or_subject(self, bounce: Bounce) -> str:
        # A report has a reply; an email that was not understood has a subject.
        return bounce.reply or bounce.subject or "–"

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, bounce: Bounce) -> SafeString:
        return short_moment(bounce.received_at)


def _linked(bounce: Bounce, address: str) -> SafeString:
    # On a phone, a long address must not push the other columns off the screen.
    name, at, domain = (address or "–").rpartition("@")
    return format_html('<a href="{}">{}<wbr>{}</a>', subscriber_page(bounce.subscriber_id), name + at, domain)
