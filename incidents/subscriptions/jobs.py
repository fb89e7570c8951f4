"""The RQ job that processes subscription requests. Do not rename it: jobs queued during an upgrade name it."""

from django.utils import timezone

from . import requests


def process_requests() -> None:
    requests.process_batch(timezone.now())
