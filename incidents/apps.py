from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = _("Status page")


class NewsroomConfig(AdminConfig):
    """Django's admin with the newsroom for its front page."""

    default_site = "incidents.admin.site.newsroom"
