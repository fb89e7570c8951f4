import logging

import pytest

from statuspage.logs import WithoutKeys


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Gone: /da/subscription/confirm/abc:1~x~y/", "Gone: /da/subscription/confirm/…/"),
        ('"POST /en/subscription/unsubscribe/abc~x~y HTTP/1.1"', '"POST /en/subscription/unsubscribe/… HTTP/1.1"'),
        ("/da/subscription/manage/abc:1~x~y/data.json?x=1", "/da/subscription/manage/…/data.json?x=1"),
        ("Not Found: /da/incidents/abc/", "Not Found: /da/incidents/abc/"),
    ],
)
def test_logs_hold_no_key_to_a_subscription(said: str, written: str) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s", (said,), None)
    assert WithoutKeys().filter(record)
    assert record.getMessage() == written
