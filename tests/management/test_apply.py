"""`manage.py apply`: the page becomes what the file says."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from harness.waiting import wait_for
from incidents import operations
from incidents.management.configuration.comparison import compare
from incidents.management.configuration.sections import PageFile, Thing
from incidents.models import ActorKind, AuditEntry, Component, ComponentGroup, Page, UpdateTemplate
from incidents.staff import audit
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_page
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db

FILE = """
[page]
name.da = "Nordhost driftsstatus"
name.en = "Nordhost status"
company = "Nordhost ApS"
links = [{ address = "https://nordhost.example.dk/", label = { da = "Forside", en = "Home" } }]

[groups.mail]
name = { da = "Mail", en = "Mail" }

[groups.web]
name.da = "Websteder"

[components.incoming]
name.da = "Indgående mail"
group = "mail"
start_date = 2021-03-01

[components.outgoing]
name.da = "Udgående mail"
group = "mail"

[components.hosting]
name.da = "Webhoteller"
group = "web"
hidden = true

[templates.looking]
phase = "investigating"
name.da = "Vi undersøger"
title.da = "Fejl på {components}"
text.da = '''
Vi undersøger en fejl.

Næste opdatering: {next_update}.
'''
"""


@pytest.fixture
def file(tmp_path: Path, db: None) -> Path:
    """The file; the templates that a new page has are deleted."""
    UpdateTemplate.objects.all().delete()
    path = tmp_path / "page.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def run(file: Path, *options: str) -> str:
    output = StringIO()
    call_command("apply", str(file), *options, stdout=output)
    return output.getvalue()


def refused(file: Path, *options: str) -> tuple[int, str, str]:
    """Return the exit code, the error and the output."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("apply", str(file), *options, stdout=output)
    return error.value.returncode, str(error.value), output.getvalue()


def changed(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def answer(monkeypatch: pytest.MonkeyPatch, said: str, first: Any = lambda: None) -> None:
    """Pretend that a person at a terminal types an answer."""

    def typed(question: str) -> str:
        first()
        return said

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", typed)


def test_empty_page_gets_all_that_the_file_has(file: Path) -> None:
    output = run(file, "--yes")
    assert "7 to add, 0 to change, 0 to remove." in output
    page = Page.objects.get()
    assert page.name == {"da": "Nordhost driftsstatus", "en": "Nordhost status"}
    assert [(link["label"]["en"], link["address"]) for link in page.web_links] == [
        ("Home", "https://nordhost.example.dk/")
    ]
    shown = Component.objects.in_page_order().values_list("slug", "group__name__da", "hidden")
    assert list(shown) == [
        ("incoming", "Mail", False),
        ("outgoing", "Mail", False),
        ("hosting", "Websteder", True),
    ]
    assert UpdateTemplate.objects.get().text["da"].splitlines()[-1] == "Næste opdatering: {next_update}."


def test_second_run_changes_nothing(file: Path) -> None:
    run(file, "--yes")
    entries = AuditEntry.objects.count()
    assert run(file, "--yes", "--prune") == "No changes.\n"
    assert run(file, "--check") == "No changes.\n"
    assert AuditEntry.objects.count() == entries


def test_check_shows_differences_stores_nothing_and_exits_with_1(file: Path) -> None:
    code, error, output = refused(file, "--check")
    assert (code, error) == (1, "The page differs from the file.")
    assert '+ components.incoming\n    + name.da = "Indgående mail"\n    + group = "mail"\n' in output
    assert not Page.objects.exists()


def test_without_a_terminal_it_only_shows_and_says_what_to_do(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, error, output = refused(file)
    assert (code, error) == (1, "Nothing was changed. Add --yes to store the differences.")
    assert "7 to add" in output
    assert not Page.objects.exists()


@pytest.mark.parametrize(("said", "stored"), [("y", True), ("yes", True), ("n", False), ("", False)])
def test_person_at_a_terminal_is_asked(file: Path, monkeypatch: pytest.MonkeyPatch, said: str, stored: bool) -> None:
    answer(monkeypatch, said)
    if stored:
        run(file)
    else:
        assert refused(file)[0] == 1
    assert Page.objects.exists() is stored


def test_page_that_changed_after_the_question_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "y", first=lambda: make_component("incoming"))
    assert "run the command again" in refused(file)[1]
    assert not Page.objects.exists()


def test_each_field_that_changes_is_shown(file: Path) -> None:
    run(file, "--yes")
    changed(file, 'company = "Nordhost ApS"', 'company = "Nordhost A/S"')
    changed(file, 'name.da = "Udgående mail"\n', 'name.da = ""\nname.en = "Outgoing mail"\n')
    changed(file, "Vi undersøger en fejl.", "Vi har en fejl.")
    assert run(file, "--yes").splitlines() == [
        "~ page",
        '    ~ company = "Nordhost ApS" -> "Nordhost A/S"',
        "~ components.outgoing",
        '    - name.da = "Udgående mail"',
        '    + name.en = "Outgoing mail"',
        "~ templates.looking",
        "    ~ text.da",
        "      - Vi undersøger en fejl.",
        "      + Vi har en fejl.",
        "        ",
        "        Næste opdatering: {next_update}.",
        "0 to add, 3 to change, 0 to remove.",
        "Stored.",
    ]
    assert Component.objects.get(slug="outgoing").name == {"en": "Outgoing mail"}


def test_what_the_file_leaves_out_is_kept_and_listed(file: Path) -> None:
    run(file, "--yes")
    operations.edit_page(fields={"contact": "help@nordhost.example.dk"}, by=ANYBODY)
    make_component("old")
    operations.add_group(fields={"name": Text(da="Gammel")}, by=ANYBODY)
    assert run(file, "--yes").splitlines() == [
        "Not in the file, kept:",
        "  page.contact",
        "  groups.gammel",
        "  components.old",
        "No changes.",
    ]
    assert not Component.objects.get(slug="old").hidden


def test_prune_hides_components_and_deletes_groups_templates_and_texts(file: Path) -> None:
    run(file, "--yes")
    old = make_component("old")
    operations.edit_component(component=old, fields={"group": make_group(key="gone")}, by=ANYBODY)
    Page.objects.update(contact="help@nordhost.example.dk", brand_colour="#123456")
    changed(file, "[templates.looking]", "[templates.asking]")
    output = run(file, "--yes", "--prune")
    assert "- components.old (will be hidden)" in output
    assert "- groups.gone (will be deleted)" in output
    assert '~ brand_colour = "#123456" -> "#1f4e79"' in output
    assert Component.objects.get(slug="old").hidden
    assert list(ComponentGroup.objects.values_list("key", flat=True)) == ["mail", "web"]
    assert UpdateTemplate.objects.get().key == "asking"
    assert Page.objects.get().contact == ""
    assert run(file, "--yes", "--prune") == "No changes.\n"


def test_prune_leaves_sections_alone_that_the_file_does_not_have(file: Path) -> None:
    run(file, "--yes")
    file.write_text('[page]\ncompany = "Nordhost ApS"\nname.da = "Nordhost"', encoding="utf-8")
    run(file, "--yes", "--prune")
    assert Page.objects.get().name == {"da": "Nordhost"}
    assert not Component.objects.filter(slug="incoming", hidden=True).exists()
    assert UpdateTemplate.objects.exists()


def test_order_of_the_file_is_the_order_of_the_page(file: Path) -> None:
    run(file, "--yes")
    text = file.read_text(encoding="utf-8")
    start, end = text.index("[components.outgoing]"), text.index("[components.hosting]")
    moved = text[start:end]
    new = '[components.webmail]\nname.da = "Webmail"\ngroup = "mail"\n\n'
    first = text.index("[components.incoming]")
    file.write_text(text[:first] + moved + new + text[first:start] + text[end:], encoding="utf-8")
    output = run(file, "--yes")
    in_mail = Component.objects.in_page_order().filter(group__key="mail").values_list("slug", flat=True)
    assert list(in_mail) == ["outgoing", "webmail", "incoming"]
    assert "~ position = 1 -> 4" in output
    assert run(file, "--yes") == "No changes.\n"


def test_positions_that_are_in_order_stay() -> None:
    for slug, position in (("a", 0), ("b", 0), ("c", 70)):
        make_component(slug, position=position)
    document = PageFile({"components": {slug: Thing(slug, {}) for slug in "abc"}})
    assert compare(document, prune=False).steps == []


def test_component_group_and_template_are_renamed(file: Path) -> None:
    run(file, "--yes")
    keys = {
        "components.outgoing": "components.sending",
        "groups.web": "groups.sites",
        "templates.looking": "templates.a",
    }
    ids = set(Component.objects.values_list("pk", flat=True)) | set(ComponentGroup.objects.values_list("pk", flat=True))
    for before, after in keys.items():
        changed(file, f"[{before}]", f'[{after}]\nwas = "{before.split(".")[1]}"')
    changed(file, 'group = "web"', 'group = "sites"')
    assert "~ components.sending (was outgoing)" in run(file, "--yes")
    assert ids == {
        *Component.objects.values_list("pk", flat=True),
        *ComponentGroup.objects.values_list("pk", flat=True),
    }
    assert Component.objects.get(slug="sending").name == {"da": "Udgående mail"}
    assert set(ComponentGroup.objects.values_list("key", flat=True)) == {"mail", "sites"}
    assert run(file, "--yes", "--prune") == "No changes.\n"


def test_group_keeps_its_key_when_staff_rename_it(file: Path) -> None:
    run(file, "--yes")
    group = ComponentGroup.objects.get(key="web")
    operations.edit_group(group=group, fields={"name": Text(da="Sider")}, by=ANYBODY)
    assert '~ name.da = "Sider" -> "Websteder"' in run(file, "--yes")


def test_group_of_an_older_version_is_known_by_its_name(file: Path) -> None:
    group = make_group(name=Text(da="Websteder"))
    assert not group.key
    changed(file, "[groups.web]", "[groups.websteder]")
    changed(file, 'group = "web"', 'group = "websteder"')
    changed(file, 'name.da = "Websteder"', 'name.da = "Sider"')
    run(file, "--yes")
    group.refresh_from_db()
    assert (group.key, group.name) == ("websteder", {"da": "Sider"})
    assert run(file, "--yes") == "No changes.\n"


def test_changes_are_in_the_audit_log_as_those_of_the_command_or_of_a_person(file: Path) -> None:
    run(file, "--yes")
    assert set(AuditEntry.objects.values_list("actor_kind", "actor_name")) == {(ActorKind.COMMAND, "apply")}
    User.objects.create_superuser("karen")
    changed(file, 'company = "Nordhost ApS"', 'company = "Nordhost A/S"')
    run(file, "--yes", "--by", "karen")
    entry = AuditEntry.objects.order_by("pk").last()
    assert entry is not None
    assert (entry.actor_name, entry.operation, entry.after["company"]) == ("karen", "edit_page", "Nordhost A/S")


def test_person_without_the_right_changes_nothing(file: Path) -> None:
    User.objects.create_user("vikar", is_staff=True)
    code, error, _output = refused(file, "--yes", "--by", "vikar")
    assert (code, error) == (2, "vikar may not do all of this. Nothing was changed.")
    assert not Page.objects.exists()


def test_every_fault_is_reported_at_once_and_nothing_is_changed(file: Path) -> None:
    file.write_text(
        """
        pages = 1
        [page]
        name = "Nordhost"
        colour = "red"
        [[page.links]]
        address = 1
        title = "x"
        [groups.mail]
        name.xx = "Mail"
        [components.web]
        name.da = 1
        group = "web"
        hidden = "no"
        start_date = 2021-03-01T00:00:00
        [components.'med mellemrum']
        name.da = "x"
        was = "web"
        [templates]
        a = 1
        """,
        encoding="utf-8",
    )
    code, error, _output = refused(file, "--yes")
    assert code == 2
    assert [line.split(": ")[0] for line in error.splitlines()] == [
        "pages",
        "page.colour",
        "page.name",
        "page.links.1.title",
        "page.links.1.address",
        "groups.mail.name.xx",
        "components.web.name.da",
        "components.web.start_date",
        "components.web.hidden",
        "components.med mellemrum",
        "components.med mellemrum.was",
        "templates.a",
        "components.web.group",
        "Nothing was changed.",
    ]
    assert "components.web.group: There is no group “web”." in error
    assert not Page.objects.exists()


def test_rules_of_the_page_are_reported_with_the_path_of_the_key(file: Path) -> None:
    changed(file, 'company = "Nordhost ApS"', 'time_zone = "Mars/Base"\nwebsite = "nowhere"')
    changed(file, 'phase = "investigating"', 'phase = "scheduled"')
    changed(file, "{next_update}", "{nxt}")
    changed(file, 'name.da = "Udgående mail"', f'name.da = "{"x" * 101}"')
    code, error, _output = refused(file, "--check")
    assert code == 2
    assert error.splitlines() == [
        "page.website: Enter a valid URL.",
        "page.time_zone: Write a time zone such as Europe/Copenhagen.",
        "components.outgoing.name: In Danish: At most 100 characters; this text has 101.",
        "templates.looking.phase: This phase does not belong to the kind chosen above.",
        "Nothing was changed.",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[page", "The file is not TOML"),
        (b"[components.web]\n[components.web]\n", "The file is not TOML"),
        (b'[page]\ncompany = "\xff"', "The file is not in UTF-8: byte 19"),
        (b"page = 1", "page: Write a table."),
        (b'[page]\nname.da = "a"\ncompany = "\\u0000"', "U+0000"),
    ],
)
def test_file_that_cannot_be_read_is_refused(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    code, error, _output = refused(file, "--yes")
    assert code == 2
    assert said in error


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml")[0] == 2


def test_colours_are_used_only_on_a_terminal(file: Path) -> None:
    output = StringIO()
    call_command("apply", str(file), "--yes", stdout=output, force_color=True)
    assert "\x1b[" in output.getvalue()
    assert "\x1b[" not in run(file, "--yes")


def test_page_that_exists_is_changed_and_not_added(file: Path) -> None:
    page = make_page(company="Sydhost")
    run(file, "--yes")
    assert Page.objects.get().pk == page.pk


def test_file_is_read_from_standard_input(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(FILE.encode())))
    assert refused(Path("-"))[:2] == (1, "Nothing was changed. Add --yes to store the differences.")
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(FILE.encode())))
    assert "Stored." in run(Path("-"), "--yes")


def test_file_without_groups_may_name_those_of_the_page(file: Path) -> None:
    make_group(key="mail")
    file.write_text('[components.web]\nname.da = "Web"\ngroup = "mail"', encoding="utf-8")
    run(file, "--yes")
    component = Component.objects.get()
    assert component.group is not None
    assert component.group.key == "mail"


def test_groups_with_the_same_name_stay_apart_when_one_is_renamed(file: Path) -> None:
    first, second = make_group(), make_group()
    file.write_text(
        '[groups.post]\nwas = "mail"\nname.da = "Post"\n[groups.mail-2]\nname.en = "E-mail"', encoding="utf-8"
    )
    run(file, "--yes")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.key, first.name["da"]) == ("post", "Post")
    assert (second.key, second.name["en"]) == ("mail-2", "E-mail")
    assert "No changes." in run(file, "--yes")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_add_everything_once(file: Path) -> None:
    def again() -> str:
        try:
            return run(file, "--yes")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            audit.take_turn()
            other = pool.submit(again)
            wait_for(is_connection_blocked)
            assert "7 to add" in run(file, "--yes")
        assert other.result() == "No changes.\n"
    assert Component.objects.count() == 3


def test_long_texts_are_compared_quickly_and_show_what_changed(file: Path) -> None:
    changed(file, "Vi undersøger en fejl.", "\n".join(f"Linje {number}" for number in range(400)))
    run(file, "--yes")
    changed(file, "Linje 200\n", "Linje to hundrede\n")
    lines = run(file, "--yes").splitlines()
    assert lines[1:6] == [
        "    ~ text.da",
        *(f"        Linje {number}" for number in (197, 198, 199)),
        "      - Linje 200",
    ]
    assert len(lines) == 12
