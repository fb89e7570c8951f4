"""Alert rules in the file of `manage.py apply` and `dump_config`."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from incidents import operations
from incidents.models import AlertRule, UpdateTemplate
from incidents.status import Phase
from tests.actors import ANYBODY
from tests.factories import make_alert_rule, make_component, make_page, make_template

pytestmark = pytest.mark.django_db

FILE = """
[components.web]
name.da = "Web"

[templates.outage]
phase = "identified"
name.da = "Nedbrud"
title.da = "Nedbrud på {components}"
text.da = "Vi er i gang."

[alert_rules.critical]
name = "Critical"
conditions = \"\"\"
severity = critical | page
env != test\"\"\"
component = "web"
status = "major_outage"
template = "outage"
publish = true
hold = 0

[alert_rules.rest]
name = "Everything else"
component_label = "component"
template = "outage"
"""


@pytest.fixture
def file(tmp_path: Path, db: None) -> Path:
    make_page()
    UpdateTemplate.objects.all().delete()
    path = tmp_path / "page.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def run(file: Path, *options: str) -> str:
    output = StringIO()
    call_command("apply", str(file), *options, stdout=output)
    return output.getvalue()


def test_rules_are_made_in_their_order_with_what_they_need(file: Path) -> None:
    run(file, "--yes")
    first, second = AlertRule.objects.in_order()
    assert (first.key, first.component and first.component.slug, first.hold, first.publish) == (
        "critical",
        "web",
        0,
        True,
    )
    assert (second.name, second.component, second.component_label, second.hold) == (
        "Everything else", None, "component", 60,
    )  # fmt: skip
    assert first.template == second.template == UpdateTemplate.objects.get()
    assert run(file, "--yes", "--prune") == "No changes.\n"


def test_dumped_rules_are_applied_without_a_change(file: Path, tmp_path: Path) -> None:
    run(file, "--yes")
    make_alert_rule(
        name="Fra redaktionen", final_template=make_template(Phase.RESOLVED), conditions='a = "b\\c"', is_active=False
    )
    output = StringIO()
    call_command("dump_config", stdout=output)
    again = tmp_path / "again.toml"
    again.write_text(output.getvalue(), encoding="utf-8")
    assert run(again, "--check", "--prune") == "No changes.\n"
    AlertRule.objects.all().delete()
    run(again, "--yes")
    assert set(AlertRule.objects.values_list("key", flat=True)) == {"critical", "rest", "fra-redaktionen"}


def test_rules_and_their_templates_are_pruned_together(file: Path, tmp_path: Path) -> None:
    run(file, "--yes")
    file.write_text("[templates]\n[alert_rules]\n", encoding="utf-8")
    run(file, "--yes", "--prune")
    assert not AlertRule.objects.exists()
    assert not UpdateTemplate.objects.exists()


def test_template_of_a_rule_that_stays_is_not_pruned(file: Path) -> None:
    run(file, "--yes")
    file.write_text("[templates]\n", encoding="utf-8")
    with pytest.raises(CommandError, match="is used by an alert rule"):
        run(file, "--yes", "--prune")
    assert AlertRule.objects.count() == 2


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('component = "web"', 'component = "wbe"', "alert_rules.critical.component: There is no component “wbe”."),
        ('template = "outage"', 'template = "x"', "alert_rules.critical.template: There is no template “x”."),
        ("hold = 0", 'hold = "0"', "alert_rules.critical.hold: Write a number"),
        ("hold = 0", "hold = true", "alert_rules.critical.hold: Write a number"),
        ("hold = 0", "hold = 90000", "alert_rules.critical.hold: "),
        ("env != test", "env is test", "alert_rules.critical.conditions: “env is test” is no condition"),
        ('status = "major_outage"', 'status = "down"', "alert_rules.critical.status: "),
        ('template = "outage"\npublish', "publish", "alert_rules.critical.template: "),
    ],
)
def test_fault_is_named_with_its_path_and_nothing_is_stored(file: Path, before: str, after: str, message: str) -> None:
    assert before in FILE
    file.write_text(FILE.replace(before, after), encoding="utf-8")
    with pytest.raises(CommandError) as error:
        run(file, "--yes")
    assert message in str(error.value)
    assert not AlertRule.objects.exists()


def test_rule_is_renamed(file: Path) -> None:
    run(file, "--yes")
    pk = AlertRule.objects.get(key="critical").pk
    file.write_text(FILE.replace("[alert_rules.critical]", '[alert_rules.worst]\nwas = "critical"'), encoding="utf-8")
    run(file, "--yes")
    assert AlertRule.objects.get(key="worst").pk == pk


def test_rule_of_the_newsroom_gets_a_key_of_its_own() -> None:
    first, second = make_alert_rule(name="Nede"), make_alert_rule(name="Nede", template=make_template())
    assert (first.key, second.key) == ("nede", "nede-2")
    operations.edit_alert_rule(rule=first, fields={"name": "Andet", "component": make_component("x")}, by=ANYBODY)
    assert AlertRule.objects.get(pk=first.pk).key == "nede"
