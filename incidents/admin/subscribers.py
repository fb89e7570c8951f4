"""Subscribers. Only they can change their choices; staff can end a subscription."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import F, OrderBy, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from .. import formats, operations
from ..identity import readable
from ..masks import masked
from ..models import ConsentRecord, Delivery, Subscriber
from ..models.subscribers import SubscriberQuerySet
from ..notifications.monitoring.subjects import RELATED, subject
from ..wording import language_name, moment, short_moment, words
from .addresses import list_page
from .deliveries import badge
from .export import export_view
from .filters import LanguageFilter
from .read_only import SubscriberRowsAdmin, sees_addresses
from .shared import actor

SHOWN = 20


class UnknownLast(F):
    """Order by a column, with unknown values last in both directions."""

    def asc(self, **_options: Any) -> OrderBy:
        return super().asc(nulls_last=True)

    def desc(self, **_options: Any) -> OrderBy:
        return super().desc(nulls_last=True)


@admin.register(Subscriber)
class SubscriberAdmin(SubscriberRowsAdmin):
    list_filter = ("state", "channel", ("language", LanguageFilter), "wants_incidents", "wants_maintenance")
    ordering = ("-created_at", "-id")
    newest_by = "created_at"
    actions = ("end_subscription",)
    change_list_template = "admin/newsroom/subscribers.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(export_view)
        return [path("export/", view, name="incidents_subscriber_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"may_export": sees_addresses(request.user), **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        address = "full_address" if sees_addresses(request.user) else "masked_address"
        return (address, "state", "channel", "reads", "signed_up")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        sees = sees_addresses(request.user)
        address, because = ("full_address", "suspended_because") if sees else ("masked_address", "masked_because")
        owner = () if obj is None or obj.is_mail else ("full_owner" if sees else "masked_owner",)
        return (
            address, "channel", *owner, "state", "reads", "wants_incidents", "wants_maintenance", "watched",
            "requested", "confirmed", "consent_method", "consent_text", "consent_source", "time_zone",
            "paused_until", "left_at", because, "consents", "bounces", "deliveries",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        # Without permission to see addresses, only an exact address can be looked up.
        return "canonical_address__exact", "address__exact", "id__exact"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscriber], search_term: str
    ) -> tuple[QuerySet[Subscriber], bool]:
        if search_term.strip() and sees_addresses(request.user):
            return cast("SubscriberQuerySet", queryset).containing(search_term), False
        return super().get_search_results(request, queryset, search_term)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_actions(request) if sees_addresses(request.user) else {}

    @admin.action(description=_("End the subscription of those chosen"))
    def end_subscription(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> None:
        by = actor(request)
        ended = [
            subscriber
            for subscriber in queryset.order_by("pk")
            if operations.end_subscription(subscriber=subscriber, by=by)
        ]
        sentence = ngettext("%(count)d subscription ended.", "%(count)d subscriptions ended.", len(ended))
        messages.success(request, sentence % {"count": len(ended)})

    def action_checkbox(self, obj: Subscriber) -> SafeString:
        """Return the box that chooses a row. Django renders two templates for each, a fifth of the list's time."""
        label = gettext("Choose %(name)s") % {"name": obj}
        box = '<input type="checkbox" name="{}" value="{}" aria-label="{}" class="action-select">'
        return format_html(box, ACTION_CHECKBOX_NAME, obj.pk, label)

    @admin.display(description=_("address"), ordering="address")
    def full_address(self, subscriber: Subscriber) -> str:
        return subscriber.readable_address or pgettext("an address", "erased")

    @admin.display(description=_("address"))
    def masked_address(self, subscriber: Subscriber) -> str:
        return subscriber.masked_address or pgettext("an address", "erased")

    @admin.display(description=_("owner"))
    def full_owner(self, subscriber: Subscriber) -> str:
        return readable(subscriber.owner)

    @admin.display(description=_("owner"))
    def masked_owner(self, subscriber: Subscriber) -> str:
        return masked(readable(subscriber.owner))

    @admin.display(description=_("suspended because"))
    def masked_because(self, subscriber: Subscriber) -> str:
        return subscriber.masked_reply(subscriber.suspended_because)

    @admin.display(description=_("language"), ordering="language")
    def reads(self, subscriber: Subscriber) -> str:
        return language_name(subscriber.language)

    @admin.display(description=_("signed up"), ordering=UnknownLast("requested_at"))
    def signed_up(self, subscriber: Subscriber) -> str:
        return _consent_time(subscriber, subscriber.requested_at, short_moment)

    @admin.display(description=_("signed up"))
    def requested(self, subscriber: Subscriber) -> str:
        return _consent_time(subscriber, subscriber.requested_at, moment)

    @admin.display(description=_("confirmed"))
    def confirmed(self, subscriber: Subscriber) -> str:
        return _consent_time(subscriber, subscriber.confirmed_at, moment)

    @admin.display(description=_("components"))
    def watched(self, subscriber: Subscriber) -> str:
        names = [words(one.name) for one in subscriber.components.in_page_order()]
        return ", ".join(names) or gettext("All")

    @admin.display(description=_("deliveries"))
    def deliveries(self, subscriber: Subscriber) -> SafeString:
        """The newest ones, with a link to all of them."""
        newest = subscriber.deliveries.select_related(*RELATED).order_by("-pk")[:SHOWN]
        rows = [(short_moment(row.created_at), subject(row), badge(row), _says(row)) for row in newest]
        address = list_page("delivery", f"subscriber__id__exact={subscriber.pk}")
        every = format_html('<a href="{}">{} {}</a>', address, gettext("All:"), subscriber.deliveries.count())
        if not rows:
            return every
        return format_html("{}{}", _table(gettext("deliveries"), rows), every)

    @admin.display(description=_("consent"))
    def consents(self, subscriber: Subscriber) -> SafeString | str:
        """Every step, oldest first: what was agreed to, when and how."""
        rows = [
            (
                short_moment(row.at) if row.at else gettext("time unknown"),
                f"{row.get_step_display()} ({row.opt_in_round})",
                " · ".join(filter(None, [row.get_method_display(), row.text, row.source])),
                _scope(row),
            )
            for row in subscriber.consents.all()
        ]
        return _table(gettext("consent"), rows) if rows else "–"

    @admin.display(description=_("bounces"))
    def bounces(self, subscriber: Subscriber) -> SafeString:
        address = list_page("bounce", f"subscriber__id__exact={subscriber.pk}")
        return format_html('<a href="{}">{}</a>', address, subscriber.bounces.count())


def _table(name: str, rows: list[tuple[Any, Any, Any, Any]]) -> SafeString:
    # Return a table of four columns that scrolls on a phone.
    cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
    frame = '<div class="panel-table" role="region" tabindex="0" aria-label="{}"><table>{}</table></div>'
    return format_html(frame, name, cells)


def _scope(consent: ConsentRecord) -> str:
    # Return what a subscriber agreed to get.
    kinds = {gettext("incidents"): consent.wants_incidents, gettext("planned maintenance"): consent.wants_maintenance}
    parts = [
        language_name(consent.language),
        ", ".join(name for name, wanted in kinds.items() if wanted),
        ", ".join(consent.components),
        ", ".join(consent.incidents),
    ]
    return " · ".join(filter(None, parts))


def _consent_time(subscriber: Subscriber, time: datetime | None, shown: Callable[[datetime], str]) -> str:
    if time is not None:
        return shown(time)
    is_imported = subscriber.consent_method == Subscriber.ConsentMethod.IMPORT
    return gettext("time unknown") if is_imported else "–"


def _says(delivery: Delivery) -> str:
    # The last reply, with addresses masked; staff with permission see them elsewhere on the page.
    said = f"{delivery.reply_code or ''} {delivery.subscriber.masked_reply(delivery.reply)}".strip()
    if delivery.is_waiting:
        tried = gettext("next try %(time)s") % {"time": formats.short_moment(delivery.next_attempt_at)}
        return f"{said} ({tried})" if said else tried
    return said or "–"
