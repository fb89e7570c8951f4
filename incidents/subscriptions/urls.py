"""URLs of the subscription pages, included under the language prefix."""

from django.urls import path

from . import proof_views, views, webhook_views

app_name = "subscriptions"

urlpatterns = [
    path("subscribe/", views.SignUp.as_view(), name="subscribe"),
    path("subscribe/webhook/", webhook_views.WebhookSignUp.as_view(), name="subscribe_webhook"),
    path("subscribe/<incident>/", views.Follow.as_view(), name="follow"),
    path("subscription/", views.RequestManageLink.as_view(), name="request_manage_link"),
    path("subscription/confirm/<token>/", views.Confirm.as_view(), name="confirm"),
    path("subscription/connect/<token>/", webhook_views.Connect.as_view(), name="connect"),
    path("subscription/unsubscribe/<token>/", views.Unsubscribe.as_view(), name="unsubscribe"),
    # Without the trailing slash, which some programs drop: a redirect would lose the one-click POST (RFC 8058 §3.1).
    path("subscription/unsubscribe/<token>", views.Unsubscribe.as_view()),
    path("subscription/unsubscribe/<token>/incident/", views.Unfollow.as_view(), name="unfollow"),
    # A link from an earlier message proves the mailbox.
    path("subscription/again/<token>/", proof_views.SubscribeAgain.as_view(), name="subscribe_again"),
    path("subscription/again/<token>/webhook/", proof_views.ConnectAgain.as_view(), name="connect_again"),
    path("subscription/again/<token>/<incident>/", proof_views.FollowAgain.as_view(), name="follow_again"),
    path("subscription/link/<token>/", proof_views.NewManageLink.as_view(), name="new_manage_link"),
    path("subscription/manage/<token>/", views.Manage.as_view(), name="manage"),
    path("subscription/manage/<token>/webhook/", webhook_views.WebhookLog.as_view(), name="webhook"),
    path("subscription/manage/<token>/erase/", views.Erase.as_view(), name="erase"),
    path("subscription/manage/<token>/data.json", views.Data.as_view(), name="data"),
]
