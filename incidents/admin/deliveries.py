"""Announcements and deliveries: who was notified, who was not, and why."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..models import Announcement, Delivery, DeliveryState, SkipReason
from ..notifications.monitoring.destinations import with_few_readers
from ..notifications.monitoring.progress import counts_by_state
from ..notifications.monitoring.subjects import subject
from ..wording import language_name, passage, short_moment
from .addresses import incident_page, list_page
from .delivery_overview import overview
from .destinations import shown_name
from .filters import ReplyFilter
from .read_only import ReadOnlyAdmin, SubscriberRowsAdmin, sees_addresses


@admin.register(Delivery)
class DeliveryAdmin(SubscriberRowsAdmin):
    list_filter = ("state", "skip_reason", "channel", "letter", ReplyFilter)
    list_select_related = ()  # with joins, PostgreSQL would join all rows before those of a late page
    ordering = ("-id",)  # the newest first, by the index of the primary key
    # By the lists of announcements and subscribers, and by the overview.
    linked_by = (
        "announcement__id__exact", "announcement__isnull", "component_update__isnull", "subscriber__id__exact",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).prefetch_related("subscriber", "component_update__component")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.overview)
        return [path("overview/", page, name="incidents_delivery_overview"), *super().get_urls()]

    def overview(self, request: HttpRequest) -> HttpResponse:
        return overview(self, request)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        address, reply = self._shown(request)
        return (address, "state_and_why", "message", "reads", "attempts", reply, "created")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        address, reply = self._shown(request)
        destination = "destination" if sees_addresses(request.user) else "masked_destination"
        about = "component" if obj is not None and obj.component_update_id else "announced"
        return (
            address, "letter", about, "reads", "state_and_why", "attempts", "created_at",
            "next_attempt_at", "claimed_at", "sent_at", destination, "reply_code", reply, "message_id",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("subscriber__canonical_address__exact", "message_id__exact")

    def matching(self, search_term: str) -> Q:
        is_message_id = search_term.strip().strip("<>").endswith(f"@{settings.SITE_HOST}")
        return Q(message_id__contains=search_term.strip()) if is_message_id else super().matching(search_term)

    def _shown(self, request: HttpRequest) -> tuple[str, str]:
        # The fields for address and reply; servers repeat the address in their replies.
        return ("full_address", "answer") if sees_addresses(request.user) else ("masked_address", "masked_answer")

    @admin.display(description=pgettext_lazy("delivery", "to"))
    def full_address(self, delivery: Delivery) -> str:
        return delivery.subscriber.readable_address or "–"

    @admin.display(description=pgettext_lazy("delivery", "to"))
    def masked_address(self, delivery: Delivery) -> str:
        return delivery.subscriber.masked_address or "–"

    @admin.display(description=_("state"), ordering="state")
    def state_and_why(self, delivery: Delivery) -> SafeString:
        return badge(delivery)

    @admin.display(description=_("reply"), ordering="reply_code")
    def answer(self, delivery: Delivery) -> str:
        return delivery.reply or "–"

    @admin.display(description=_("reply"), ordering="reply_code")
    def masked_answer(self, delivery: Delivery) -> str:
        return delivery.subscriber.masked_reply(delivery.reply) or "–"

    @admin.display(description=_("destination"))
    def masked_destination(self, delivery: Delivery) -> str:
        return shown_name(delivery.destination, with_few_readers([delivery.destination])) or "–"

    @admin.display(description=_("message"), ordering="letter")
    def message(self, delivery: Delivery) -> SafeString | str:
        kind = Delivery.Letter(delivery.letter).label
        return kind if delivery.component_update_id is None else format_html("{}: {}", kind, subject(delivery))

    @admin.display(description=_("component"))
    def component(self, delivery: Delivery) -> SafeString:
        return subject(delivery)

    @admin.display(description=_("language"), ordering="language")
    def reads(self, delivery: Delivery) -> str:
        return language_name(delivery.language)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, delivery: Delivery) -> SafeString:
        return short_moment(delivery.created_at)

    @admin.display(description=_("announcement"))
    def announced(self, delivery: Delivery) -> SafeString | str:
        if delivery.announcement is None:
            return "–"
        return incident_link(delivery.announcement)


class AnnouncementList(ChangeList):
    """A list that counts the deliveries of all announcements shown in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        tallies = counts_by_state(rows)
        for row in rows:
            row.tally = tallies[row.pk]
        self.result_list = rows


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    list_display = ("incident_title", "reason", "created", "status", "deliveries_by_state")
    list_filter = ("reason",)
    list_select_related = ("update__incident",)
    list_per_page = 20
    ordering = ("-created_at", "-id")
    fields = (
        "announced",
        "reason",
        "created_at",
        "status",
        "hold_until",
        "expanded_at",
        "cancelled_at",
        "deliveries_by_state",
    )
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AnnouncementList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Announcement | None:
        announcement: Announcement | None = super().get_object(request, object_id, from_field)
        if announcement is not None:
            announcement.tally = counts_by_state([announcement])[announcement.pk]  # type: ignore[attr-defined]
        return announcement

    @admin.display(description=_("incident"))
    def incident_title(self, announcement: Announcement) -> SafeString:
        return passage(announcement.update.incident.title)

    @admin.display(description=_("incident"))
    def announced(self, announcement: Announcement) -> SafeString:
        return incident_link(announcement)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, announcement: Announcement) -> SafeString:
        return short_moment(announcement.created_at)

    @admin.display(description=_("state"))
    def status(self, announcement: Announcement) -> Any:
        return announcement.status.label

    @admin.display(description=_("deliveries"))
    def deliveries_by_state(self, announcement: Any) -> SafeString | str:
        """How many deliveries are in each state, with links to them."""
        # Named `deliveries`, the column could be sorted by the relation, which repeats rows.
        rows = [
            (list_page("delivery", f"announcement__id__exact={announcement.pk}&state__exact={state.value}"),
             state.value, state.label, announcement.tally[state])
            for state in DeliveryState
            if announcement.tally[state]
        ]  # fmt: skip
        return format_html_join(" ", '<a class="delivery delivery-{1}" href="{0}">{2} {3}</a>', rows) or "–"


def badge(delivery: Delivery) -> SafeString:
    """The state, and below it the reason if nothing was sent."""
    # `get_state_display` translates every choice for each row.
    why = SkipReason(delivery.skip_reason).label if delivery.skip_reason else ""
    label = DeliveryState(delivery.state).label
    state = format_html('<span class="delivery delivery-{}">{}</span>', delivery.state, label)
    return format_html("{}<br><small>{}</small>", state, why) if why else state


def incident_link(announcement: Announcement) -> SafeString:
    incident = announcement.update.incident
    return format_html('<a href="{}">{}</a>', incident_page(incident), passage(incident.title))
