"""`manage.py dump_config`: the page as a file that `apply` reads."""

import tomllib
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from incidents import operations
from incidents.management.configuration.writing import toml
from incidents.models import Component, ComponentGroup, Page, UpdateTemplate
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_templates(db: None) -> None:
    """Delete the templates that a new page has."""
    UpdateTemplate.objects.all().delete()


def dumped() -> str:
    output = StringIO()
    call_command("dump_config", stdout=output)
    return output.getvalue()


def applied(content: str, folder: Path, *options: str) -> str:
    file = folder / "page.toml"
    file.write_bytes(content.encode())
    output = StringIO()
    call_command("apply", str(file), *options, stdout=output)
    return output.getvalue()


def test_sample_page_is_dumped_and_applied_without_a_change(tmp_path: Path) -> None:
    call_command("load_sample", stdout=StringIO())
    content = dumped()
    assert applied(content, tmp_path, "--check", "--prune") == "No changes.\n"
    Component.objects.filter(pk__in=Component.objects.values("pk")).update(hidden=True)
    assert dumped() != content


def test_page_can_be_built_again_from_what_was_dumped(tmp_path: Path) -> None:
    call_command("load_sample", stdout=StringIO())
    operations.add_template(
        fields={"kind": "incident", "phase": "identified", "name": Text(en="A"), "text": Text(en="a\n\nb")}, by=ANYBODY
    )
    content = dumped()
    names = list(Component.objects.in_page_order().values_list("slug", "group__name", "name"))
    UpdateTemplate.objects.all().delete()
    for model in (Page, ComponentGroup):
        model.objects.all().delete()
    applied(content, tmp_path, "--yes", "--prune")
    assert dumped() == content
    assert list(Component.objects.in_page_order().values_list("slug", "group__name", "name")) == names


def test_file_is_readable() -> None:
    make_page(introduction=Text(en='First line.\n\n"Last" line.'))
    make_component(
        "web", group=make_group(key="mail"), hidden=True, start_date=date(2021, 3, 1), description=Text(en="x")
    )
    head, *tables = dumped().split("\n\n[")
    assert head.startswith("# The status page as a file")
    assert "[" + "\n\n[".join(tables) == (
        '[page]\nname.da = "Nordhost driftsstatus"\nname.en = "Nordhost status"\n'
        'introduction.en = """\nFirst line.\n\n"Last" line."""\n'
        'company = "Nordhost ApS"\ntime_zone = "Europe/Copenhagen"\nbrand_colour = "#1f4e79"\n\n'
        '[groups.mail]\nname.da = "Mail"\nname.en = "Mail"\n\n'
        '[components.web]\nname.da = "web (da)"\nname.en = "web (en)"\ndescription.en = "x"\ngroup = "mail"\n'
        "start_date = 2021-03-01\nhidden = true\n"
    )


def test_empty_page_is_an_empty_file(tmp_path: Path) -> None:
    assert tomllib.loads(dumped()) == {}
    assert applied(dumped(), tmp_path, "--yes", "--prune") == "No changes.\n"


def test_rows_with_the_same_name_have_keys_of_their_own(tmp_path: Path) -> None:
    for _number in range(2):
        make_group()
        make_group(name=Text(da="???"))
    make_group(key="mail-2")
    assert list(tomllib.loads(dumped())["groups"]) == ["mail", "unnamed", "mail-3", "unnamed-2", "mail-2"]
    assert applied(dumped(), tmp_path, "--check", "--prune") == "No changes.\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('"""')
@example('a\n""""""')
@example('\\"\n\\')
@example("\x7f\r\t\x00\n\u2028")
def test_every_text_is_valid_toml(text: str) -> None:
    assert tomllib.loads(f"a = {toml(text)}\nb = [{{ c = {toml(text)} }}]") == {"a": text, "b": [{"c": text}]}


# Without an opening brace: `{a}` is refused, because it is no placeholder.
texts = st.text(st.sampled_from('"\\\n\r\t #=[]}æ🦆\u200f\x1bab')).filter(str.strip)


@given(line=texts, text=texts)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_through_a_file_unchanged(tmp_path: Path, line: str, text: str) -> None:
    Page.objects.all().delete()
    ComponentGroup.objects.all().delete()
    UpdateTemplate.objects.all().delete()
    fields = {"name": Text(da="Side"), "introduction": Text(da=text), "company": line[:200].replace("\x00", "")}
    operations.edit_page(fields=fields, by=ANYBODY)
    named = Text(da=f"a {line[:90]}")
    operations.add_group(fields={"name": named, "description": Text(en=text)}, by=ANYBODY)
    said = Text(da=text.replace("{", "").replace("}", "") + "x", en=line.replace("{", "").replace("}", "") + "x")
    operations.add_template(
        fields={"kind": "incident", "phase": "resolved", "name": named, "title": named, "text": said}, by=ANYBODY
    )
    assert applied(dumped(), tmp_path, "--check", "--prune") == "No changes.\n"
