"""An upgrade without a stop: the previous release and this one share the new schema, the queue and the public store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import releases
from harness.environment import queue_url, worker_number
from harness.forms import FormClient
from harness.product import own_database
from harness.running_release import RunningRelease
from harness.smtp_server import ScriptedServer
from harness.upgrading import Arrivals, Load, Upgrade, two_releases
from harness.waiting import wait_for
from harness.write_paths import Reader, Staff, accept
from statuspage.local.paths import ROOT
from tests.support.receiver import Receiver

pytestmark = pytest.mark.usefixtures("previous_release")

NEWSROOM = ("", "incidents/incident/", "incidents/subscriber/", "incidents/delivery/", "incidents/announcement/")
SUBSCRIBERS = 30


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Upgrade]:
    """The previous release is installed and its processes run. Its requirements are met by those of this release."""
    number = worker_number()
    with ScriptedServer() as mail:
        trees = (releases.check_out_previous(tmp_path / "previous"), ROOT)
        places = {"database": own_database(f"upgrade_{number}"), "queue": queue_url(31 - number)}
        with two_releases(trees, tmp_path, **places, mail=mail) as both:
            both.prepare(SUBSCRIBERS)
            yield both


def client_of(release: RunningRelease) -> FormClient:
    return FormClient(lambda: [release.url])


def write_everything(upgrade: Upgrade, release: RunningRelease, name: str) -> str:
    """Sign up, log in, save settings and publish, with the processes of one release; return the incident's address."""
    with Receiver() as webhook:
        reader = Reader(client_of(release), upgrade.mail, f"{name}@example.dk")
        reader.sign_up()
        reader.connect(webhook.url, lambda: [post.body for post in webhook.posted])
        staff = Staff(client_of(release))
        staff.log_in()
        staff.rename_page(f"Status of {name}")
        incident = staff.publish_incident(f"Published by {name}.")
        staff.post_update(incident, f"Updated by {name}.")

        def have_arrived() -> bool:
            posted = b"".join(post.body for post in webhook.posted).decode()
            return all(
                reader.got(words) and words in posted for words in (f"Published by {name}.", f"Updated by {name}.")
            )

        wait_for(have_arrived)
    return incident


def test_each_release_works_on_what_the_other_wrote(upgrade: Upgrade) -> None:
    incidents: dict[str, str] = {}
    upgrade.migrate()
    for release, name in ((upgrade.old, "previous"), (upgrade.new, "current"), (upgrade.old, "again")):
        release.start()
        staff = Staff(client_of(release))
        staff.log_in()
        for path in NEWSROOM:
            accept(staff.client.get(f"/admin/{path}"))
        for earlier, incident in incidents.items():
            accept(staff.client.get(incident))
            staff.post_update(incident, f"{earlier}, continued by {name}")
        incidents[name] = write_everything(upgrade, release, name)
        release.stop()
        assert release.errors() == []


def test_users_notice_nothing_while_both_releases_run(upgrade: Upgrade) -> None:
    upgrade.old.start()
    with Load(upgrade) as load:
        upgrade.migrate()
        go_on(load)
        upgrade.new.start()
        go_on(load)
        for service in ("scheduler", "worker", "webhooks", "web"):
            upgrade.old.stop(service)
        go_on(load)
    upgrade.new.manage("publish", "--all")
    assert load.failures == []
    arrivals = Arrivals(upgrade.mail, load.posted, SUBSCRIBERS)
    wait_for(lambda: arrivals.missing() == 0)
    upgrade.new.stop()
    assert upgrade.old.errors() + upgrade.new.errors() == []
    assert arrivals.lost(upgrade.recorded_as_sent()) == arrivals.duplicates() == 0


def go_on(load: Load) -> None:
    """Wait until every user has done everything once more, from the beginning to the end."""
    aims = {name: load.done[name] + 2 for name in ("reads", "sign-ups", "updates")}
    wait_for(lambda: load.failures or all(load.done[name] >= aim for name, aim in aims.items()))
