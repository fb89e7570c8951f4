"""The dynamic pages. PublicSite serves the published documents before a request reaches Django."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from incidents.api import application as api
from incidents.api import reference
from incidents.mcp import http as mcp
from incidents.subscriptions import provider
from statuspage.metrics import metrics
from statuspage.probes import readyz

urlpatterns = [
    path("readyz", readyz),
    path("metrics", metrics),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    *mcp.urls(),
    *api.urls(),
    *provider.urls(),
    *i18n_patterns(
        path("", include("incidents.subscriptions.urls")),
        path("", include("incidents.search.urls")),
        *reference.urls(),
    ),
]

handler400 = "statuspage.error_pages.bad_request"
handler403 = "statuspage.error_pages.permission_denied"
handler404 = "statuspage.error_pages.page_not_found"
