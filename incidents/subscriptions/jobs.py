"""The RQ job of the subscription requests."""

from django.utils import timezone

from . import requests


def process_requests() -> None:
    requests.process_due(timezone.now())
