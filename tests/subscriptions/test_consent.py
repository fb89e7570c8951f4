import hashlib
import re

from django.conf import settings

from incidents.subscriptions.lifecycle import CONSENT_TEXT

# Each consent text that people agreed to. A new one needs a new version in `lifecycle.CONSENT_TEXT` and a line here.
WORDINGS = {
    "2026-11": "9390fdc8512e06f2",
    "2026-11-24": "31860a5972d4d8ba",
    "2026-11-26": "63f3112f240ea4bd",
    "2026-11-26-2": "d53a3338fee9a5b0",
}


def test_new_consent_text_has_a_new_version() -> None:
    source = (settings.BASE_DIR / "templates/subscriptions/_consent.html").read_text(encoding="utf-8")
    source = re.sub(r'{% translate "([^"]*)" %}', r" \1 ", source)
    words = " ".join(re.sub(r"<[^>]+>|{%.*?%}", " ", source).split())
    assert hashlib.sha256(words.encode()).hexdigest()[:16] == WORDINGS[CONSENT_TEXT]
