"""The RQ job that processes subscription requests."""

from django.utils import timezone

from . import requests


def process_requests() -> None:
    requests.process_due(timezone.now())
