from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import time_zones
from ..wording import words
from .fields import IdField, LocalizedField, WebAddressField
from .logo import Logo
from .weblinks import WebLink, known_links, web_links


class PageManager(models.Manager["Page"]):
    def current(self) -> "Page":
        """Return the installation's one page; before it is set up, an unsaved one with working defaults."""
        return self.select_related("logo").defer("logo__content").first() or Page()

    def brief(self) -> "Page":
        """Return the same with its id and time zone alone, which is enough for most of what happens on it."""
        return self.only("id", "time_zone").first() or Page()


def default_zone() -> str:
    return settings.TIME_ZONE


def known_zone(name: str) -> None:
    if name not in time_zones.names():
        raise ValidationError(_("Write a time zone such as Europe/Copenhagen."), code="unknown_zone")


class Page(models.Model):
    """The status page itself: name, time zone, brand and the organisation behind it."""

    id = IdField()
    name = LocalizedField(_("name"), single_line=True, max_length=100)
    introduction = LocalizedField(
        _("introduction"),
        blank=True,
        max_length=2_000,
        help_text=_("A few lines at the foot of the home page. Markdown."),
    )
    company = models.CharField(
        _("company"),
        max_length=200,
        blank=True,
        help_text=_("The organisation behind the page; shown on it and in emails."),
    )
    address = models.CharField(_("postal address"), max_length=300, blank=True, help_text=_("Shown in emails."))
    website = WebAddressField(_("website"), blank=True)
    contact = models.EmailField(_("contact address"), blank=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=63,
        default=default_zone,
        validators=[known_zone],
        help_text=_("Times are shown in this zone, with its name."),
    )
    brand_colour = models.CharField(
        _("brand colour"),
        max_length=7,
        default="#1f4e79",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Write a colour such as #1f4e79."))],
    )
    logo = models.ForeignKey(Logo, models.SET_NULL, null=True, blank=True, editable=False, verbose_name=_("logo"))
    logo_text = LocalizedField(
        _("text in the logo"),
        blank=True,
        single_line=True,
        max_length=100,
        help_text=_("Read aloud by screen readers. Leave it empty if it only repeats the page's name."),
    )
    links = models.JSONField(_("links"), default=list, blank=True, validators=[known_links])
    # The last day of the published uptime bars; the scheduler publishes new ones when it has passed.
    shown_day = models.DateField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PageManager()

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("page")
        constraints = [
            # An installation has one page; a second row would never be read.
            models.UniqueConstraint(models.Value(1), name="one_page_per_installation"),
        ]

    def __str__(self) -> str:
        return words(self.name) or "Status"

    @property
    def web_links(self) -> list[WebLink]:
        return web_links(self.links)
