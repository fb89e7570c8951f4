import django_stubs_ext
from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _

from .checks import (
    check_alert_webhook,
    check_deployed_schema,
    check_holidays,
    check_languages,
    check_queue,
    check_schema,
)

# Makes ModelAdmin[Model] and similar subscripts legal at run time. Not in the settings, because it imports much of
# Django, which the web server and `make run` do without.
django_stubs_ext.monkeypatch()


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = _("Status page")

    def ready(self) -> None:
        checks.register(check_languages, checks.Tags.translation)
        checks.register(check_alert_webhook)
        checks.register(check_holidays, deploy=True)
        checks.register(check_queue, checks.Tags.security, deploy=True)
        checks.register(check_schema, checks.Tags.database)
        checks.register(check_deployed_schema, checks.Tags.database, deploy=True)


class NewsroomConfig(AdminConfig):
    """Django's admin with the newsroom for its front page."""

    default_site = "incidents.admin.site.newsroom"
