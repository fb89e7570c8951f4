"""Included under the language prefix. A token's slash at the end is optional: mail programs drop it, and a
redirect would lose a one-click POST (RFC 8058 §3.1)."""

from django.urls import path, re_path

from . import views

app_name = "subscriptions"

urlpatterns = [
    path("subscribe/", views.SignUp.as_view(), name="subscribe"),
    path("subscription/", views.RequestManageLink.as_view(), name="request_manage_link"),
    re_path(r"^subscription/confirm/(?P<token>[^/]+)/?$", views.Confirm.as_view(), name="confirm"),
    re_path(r"^subscription/unsubscribe/(?P<token>[^/]+)/?$", views.Unsubscribe.as_view(), name="unsubscribe"),
    re_path(r"^subscription/manage/(?P<token>[^/]+)/?$", views.Manage.as_view(), name="manage"),
    re_path(r"^subscription/manage/(?P<token>[^/]+)/erase/?$", views.Erase.as_view(), name="erase"),
    re_path(r"^subscription/manage/(?P<token>[^/]+)/data\.json$", views.Data.as_view(), name="data"),
]
