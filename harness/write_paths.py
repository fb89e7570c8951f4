"""What readers and staff write, over HTTP: sign-ups by email and webhook, log-in, settings, incidents and updates.

It uses the forms of the pages, so it also works with the code of another release.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.forms import Answer, FormClient, form_having
from harness.smtp_server import ScriptedServer
from harness.waiting import wait_for

NEW_INCIDENT = "/admin/incidents/incident/add/"
ACCOUNT = {"username": "admin", "password": "correct horse battery staple"}
_CODE = re.compile(r"\b[A-Z2-7]{4}-[A-Z2-7]{4}\b")


def accept(answer: Answer) -> Answer:
    """Return the answer, which no user takes for a failure."""
    assert answer.status == 200, f"{answer.address}: {answer.status} {complaints(answer)}"
    return answer


def complaints(answer: Answer) -> list[str]:
    """Return what the page says beside its fields."""
    return re.findall(r'"errorlist"[^>]*><li>(.*?)</li>', answer.text)


@dataclass
class Reader:
    """Somebody who signs up and uses the links in the emails."""

    client: FormClient
    mail: ScriptedServer
    address: str

    def sign_up(self) -> None:
        self.ask()
        self.confirm()

    def ask(self) -> None:
        """Send the form of the page."""
        self._send_when_accepted("/en/subscribe/", address=self.address)

    def confirm(self) -> None:
        """Follow the link in the email, and press the button of its page."""
        accept(self.client.send_form(form_having(accept(self.client.get(self._link("confirm"))))))

    def connect(self, webhook: str, posted: Callable[[], Sequence[bytes]]) -> None:
        """Connect a webhook with the code that is `posted` to it."""
        self._send_when_accepted("/en/subscribe/webhook/", address=self.address, url=webhook)
        link, earlier = self._link("connect"), len(posted())
        accept(self.client.send(link, "send", send="1"))
        wait_for(lambda: len(posted()) > earlier)
        code = _CODE.search(posted()[earlier].decode())
        assert code
        accept(self.client.send(link, "code", code=code[0]))

    def got(self, words: str) -> bool:
        return any(words in message.text() for message in self.mail.to(self.address))

    def _send_when_accepted(self, path: str, **typed: str) -> None:
        """The form refuses input that comes too quickly for a person."""
        form = form_having(accept(self.client.get(path)), "address")

        def is_accepted() -> bool:
            answer = self.client.send_form(form, **typed)
            assert answer.status in {200, 422}, f"{path}: {answer.status}"
            assert answer.status == 200 or "very quick" in answer.text, answer.text
            return answer.status == 200

        wait_for(is_accepted)

    def _link(self, kind: str) -> str:
        pattern = re.compile(rf"https?://[^/\s]+(/en/subscription/{kind}/[^\s>]+)")

        def links() -> set[str]:
            return {link for message in self.mail.to(self.address) for link in pattern.findall(message.text())}

        wait_for(links)
        (link,) = links()
        return link


@dataclass
class Staff:
    """Somebody in the newsroom."""

    client: FormClient

    def log_in(self) -> None:
        accept(self.client.send("/admin/login/?next=/admin/", "username", **ACCOUNT))
        assert "username" not in accept(self.client.get("/admin/incidents/incident/")).text.partition("<form")[2][:500]

    def publish_incident(self, words: str) -> str:
        """Publish an incident whose update notifies; return the address of its page in the newsroom."""
        titles = {"title_da": words, "title_en": words, "text_da": words, "text_en": words}
        answer = self.client.send(NEW_INCIDENT, "title_en", **titles, impact="major", notify="yes", action="publish")
        assert answer.address.endswith("/change/"), complaints(answer)
        return accept(answer).address

    def post_update(self, incident: str, words: str) -> None:
        """Post an update that notifies."""
        path, texts = incident.replace("/change/", "/update/"), {"text_da": words, "text_en": words}
        answer = self.client.send(path, "text_en", **texts, notify="yes", action="publish")
        assert answer.address == incident, complaints(answer)
        accept(answer)

    def rename_page(self, name: str) -> None:
        """Save the settings of the page."""
        (path,) = set(re.findall(r'href="(/admin/incidents/page/[^"]*)"', self.client.get("/admin/").text))
        accept(self.client.send(path, "name_en", name_en=name))
        assert name in self.client.get(path).text
