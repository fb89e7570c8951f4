"""Import and export of subscribers: consent given elsewhere is recorded, and earlier refusals are respected."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from incidents.models import AuditEntry, Component, ConsentRecord, Delivery, Subscriber
from incidents.subscriptions import importing, own_data, service
from incidents.subscriptions.lifecycle import Choices
from incidents.text import Text
from tests.factories import make_component, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _karen(db: None) -> None:
    User.objects.create_user("karen", is_staff=True)


def import_text(tmp_path: Path, text: str, *options: str, encoding: str = "utf-8") -> tuple[str, dict[int, list[str]]]:
    """Return the output of the command, and its report by line."""
    file, report = tmp_path / "in.csv", tmp_path / "report.csv"
    file.write_text(text, encoding=encoding)
    out = StringIO()
    call_command("import_subscribers", str(file), "--by=karen", "--report", str(report), *options, stdout=out)
    rows = list(csv.reader(report.read_text(encoding="utf-8").splitlines()))
    return out.getvalue(), {int(row[0]): row[1:] for row in rows[1:]}


def test_subscribers_are_imported_with_their_choices_and_source_of_consent(tmp_path: Path) -> None:
    webmail = make_component("webmail")
    said, _report = import_text(
        tmp_path,
        "address;language;maintenance;components;requested_at\r\n"
        "anna@example.dk;en;no;webmail;2023-10-09T21:00:00Z\r\n"
        "bo@blåbærgrød.dk;;;;\r\n",
        "--consent",
        "Contract form 2023",
        encoding="utf-8-sig",
    )
    anna, bo = Subscriber.objects.order_by("address")
    assert "2 imported" in said
    assert (anna.state, anna.language, anna.wants_incidents, anna.wants_maintenance) == ("active", "en", True, False)
    assert list(anna.components.all()) == [webmail]
    assert (anna.consent_method, anna.consent_source) == ("import", "Contract form 2023")
    assert anna.requested_at is not None
    assert anna.requested_at.isoformat() == "2023-10-09T21:00:00+00:00"
    assert bo.address == "bo@xn--blbrgrd-fxak7p.dk"
    assert not Delivery.objects.exists()


def test_every_line_has_a_result_without_an_address(tmp_path: Path) -> None:
    make_subscriber("known@example.dk", language="en")
    make_subscriber("left@example.dk", state="unsubscribed")
    make_subscriber("bounced@example.dk", state="suspended")
    service.erase(subscriber=make_subscriber("erased@example.dk"))
    _said, report = import_text(
        tmp_path,
        "email,language,components,mode,state,incidents,created at\n"
        "new@example.dk,da,,email,active,yes,2023-10-09\n"
        "NEW@example.dk,,,,,,\n"
        "Known@example.dk,da,,,,,\n"
        "left@example.dk,,,,,,\n"
        "bounced@example.dk,,,,,,\n"
        "ERASED@example.dk,,,,,,\n"
        "+4512345678,,,sms,,,\n"
        "pending@example.dk,,,,pending,,\n"
        "no address,,,,,,\n"
        "a@example.dk,fr,,,,,\n"
        "b@example.dk,,nosuch,,,,\n"
        "c@example.dk,,,,,perhaps,\n"
        "d@example.dk,,,,,,2023-99-99\n",
        "--consent=x",
    )
    found = {number: row[1] for number, row in report.items()}
    assert found == {
        2: "imported",
        3: "duplicate in this file",
        4: "already known, unchanged",
        5: "unsubscribed, must sign up again",
        6: "unsubscribed, must sign up again",
        7: "erased, must sign up again",
        8: "not an email subscriber",
        9: "not active in the source",
        **dict.fromkeys(range(10, 15), "invalid"),
    }
    assert [row[0] for row in report.values()][:2] == ["n…@example.dk", "N…@example.dk"]
    assert "unknown component “nosuch”" in report[12][2]
    assert Subscriber.objects.get(address="known@example.dk").language == "en"


def test_statuspage_s_import_template_is_read_without_a_heading(tmp_path: Path) -> None:
    web, mail = make_component("web"), make_component("mail")
    text = f"email,anna@example.dk,yes,{web.pk},{mail.pk}\nwebhook,https://example.dk/x,a@example.dk\n"
    _said, report = import_text(tmp_path, text, "--consent=Statuspage")
    assert set(Subscriber.objects.get().components.all()) == {web, mail}
    assert report[2][1] == "not an email subscriber"


def test_unknown_time_of_consent_stays_unknown(tmp_path: Path) -> None:
    text = (
        "email,requested_at,confirmed_at\n"
        "neither@example.dk,,\n"
        "requested@example.dk,2023-10-09,\n"
        "confirmed@example.dk,,2023-10-10\n"
    )
    import_text(tmp_path, text, "--consent=x")
    times = {
        one.address.partition("@")[0]: (one.requested_at is not None, one.confirmed_at is not None)
        for one in Subscriber.objects.active()
    }
    assert times == {"neither": (False, False), "requested": (True, False), "confirmed": (False, True)}


def test_unknown_time_of_consent_stays_unknown_in_an_export_that_is_imported(tmp_path: Path) -> None:
    import_text(tmp_path, "email\na@example.dk\n", "--consent=x")
    file = tmp_path / "out.csv"
    call_command("export_subscribers", str(file), "--by=karen")
    (row,) = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    assert (row["requested_at"], row["confirmed_at"], row["consent_source"]) == ("", "", "x")
    Subscriber.objects.all().delete()
    import_text(tmp_path, file.read_text(encoding="utf-8"))
    again = Subscriber.objects.active().get()
    assert (again.requested_at, again.confirmed_at) == (None, None)
    assert (again.consent_method, again.consent_source) == ("import", "x")


def test_unknown_time_of_consent_is_null_in_a_subscriber_s_own_export(tmp_path: Path) -> None:
    import_text(tmp_path, "email\na@example.dk\n", "--consent=x")
    exported = own_data.export(subscriber=Subscriber.objects.get())
    assert (exported["requested_at"], exported["confirmed_at"]) == (None, None)


def test_double_is_recognised_in_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    make_subscriber("known@example.dk")
    text = "email\na@example.dk\nb@example.dk\nc@example.dk\nA@Example.dk\nknown@example.dk\nKnown@example.dk\n"
    said, report = import_text(tmp_path, text, "--consent=x")
    assert "3 imported, 1 already known, unchanged, 2 duplicate in this file." in said
    assert (report[5][1], report[6][1], report[7][1]) == (
        "duplicate in this file",
        "already known, unchanged",
        "duplicate in this file",
    )


def test_line_without_a_source_of_consent_is_not_imported(tmp_path: Path) -> None:
    _said, report = import_text(tmp_path, "email,consent_source\na@example.dk,\nb@example.dk,Form\n")
    assert report[2][2] == "no source of consent given"
    assert Subscriber.objects.get().consent_source == "Form"


def test_dry_run_reports_the_same_and_stores_nothing(tmp_path: Path) -> None:
    text = "email\na@example.dk\nbad\n"
    dry = import_text(tmp_path, text, "--consent=x", "--dry-run")
    assert not Subscriber.objects.exists()
    assert "Dry run, nothing was stored: 1 imported, 1 invalid." in dry[0]
    assert "Line 3: not an email address" in dry[0]
    assert import_text(tmp_path, text, "--consent=x")[1] == dry[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name\nAnna\n", "no column is called"),
        ("email\nå@example.dk\n".encode("latin-1"), "not UTF-8"),
        (b'email\na@example.dk\n"' + b"x" * 200_000, "Nothing was imported"),
    ],
)
def test_unreadable_file_imports_nothing(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=said):
        call_command("import_subscribers", str(file), "--by=karen", "--consent=x")
    assert not Subscriber.objects.exists()


def test_export_can_be_imported_unchanged(tmp_path: Path) -> None:
    anna = make_subscriber("=anna@example.dk", language="en", wants_maintenance=False, time_zone="UTC")
    anna.components.add(make_component("webmail"), make_component("web"))
    service.erase(subscriber=make_subscriber("gone@example.dk"))
    file = tmp_path / "out.csv"
    call_command("export_subscribers", str(file), "--by=karen")
    before = file.read_text()
    assert "'=anna@example.dk,en,active,yes,no,web webmail,UTC" in before
    assert len(before.splitlines()) == 2
    assert file.stat().st_mode & 0o077 == 0
    anna.delete()
    import_text(tmp_path, before, "--consent=x")
    again = Subscriber.objects.active().get()
    assert (again.address, again.components.count(), again.time_zone) == ("=anna@example.dk", 2, "UTC")


def test_erased_address_is_recognised_after_a_key_change_and_may_sign_up_again(
    tmp_path: Path, settings: Settings
) -> None:
    service.erase(subscriber=make_subscriber("anna@example.dk"))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    _said, report = import_text(tmp_path, "email\nanna@example.dk\n", "--consent=x")
    assert report[2][1].startswith("erased")
    service.sign_up(address="anna@example.dk", choices=Choices("da"))
    assert Subscriber.objects.by_mail("anna@example.dk").get().state == "pending"


def test_many_lines_need_as_many_queries_as_few(tmp_path: Path) -> None:
    def queries(number: int, name: str) -> int:
        text = "email\n" + "".join(f"{name}{one}@example.dk\n" for one in range(number))
        with CaptureQueriesContext(connection) as captured:
            import_text(tmp_path, text, "--consent=x")
        return len(captured)

    queries(1, "c")  # Django keeps what it has read of content types
    assert queries(500, "b") == queries(5, "a")


def components_of(name: str) -> set[Component]:
    return set(Subscriber.objects.get(address=f"{name}@example.dk").components.all())


def test_components_are_known_by_slug_id_and_name(tmp_path: Path) -> None:
    web = make_component("web", name=Text(da="Hjemmesider", en="Web sites"))
    mail = make_component("mail", name=Text(da="Indgående post, også spam", en="Incoming mail"))
    text = (
        "email;components\n"
        f"a@example.dk;web {mail.pk}\n"
        "b@example.dk;WEB  sites, incoming mail\n"
        "c@example.dk;hjemmesider Incoming Mail web\n"
        "d@example.dk;indgående post, også spam\n"
        "e@example.dk;\n"
    )
    said, _report = import_text(tmp_path, text, "--consent=x")
    assert "5 imported" in said
    assert components_of("a") == components_of("b") == components_of("c") == {web, mail}
    assert components_of("d") == {mail}
    assert components_of("e") == set()


def test_unknown_components_can_be_mapped(tmp_path: Path) -> None:
    web, mail = make_component("web", name=Text(en="Web sites")), make_component("mail")
    text = 'email,components\na@example.dk,"abc123, The old mail"\nb@example.dk,ABC123 The Old Mail web\n'
    mappings = ("--map", "abc123=Web Sites", "--map", f"the old mail={mail.pk}")
    said, _report = import_text(tmp_path, text, "--consent=x", *mappings)
    assert "2 imported" in said
    assert "nknown" not in said
    assert components_of("a") == components_of("b") == {web, mail}


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        (["a=nosuch"], "--map a=nosuch: no component has the slug, id or name “nosuch”. Nothing was imported."),
        (["a=Post"], "--map a=Post: several components are called “Post”; use the slug. Nothing was imported."),
        (["a="], "--map a=: expected OLD=NEW. Nothing was imported."),
        (["web"], "--map web: expected OLD=NEW. Nothing was imported."),
        (["a=web", "A=mail"], "--map A=mail: “A” is mapped to two components. Nothing was imported."),
    ],
)
def test_invalid_mapping_is_refused_before_the_file_is_read(mappings: list[str], said: str) -> None:
    make_component("web", name=Text(en="Post"))
    make_component("mail", name=Text(da="post"))
    options = [option for mapping in mappings for option in ("--map", mapping)]
    with pytest.raises(CommandError) as error:
        call_command("import_subscribers", "no-such-file.csv", "--by=karen", *options)
    assert str(error.value) == said


UNKNOWN = (
    "email,components\n"
    "none@example.dk,abc\n"
    'some@example.dk,"web, Old mail, abc"\n'
    "known@example.dk,web\n"
    "NONE@example.dk,abc\n"
)


def test_lines_with_unknown_components_are_refused_and_listed(tmp_path: Path) -> None:
    make_component("web")
    said, report = import_text(tmp_path, UNKNOWN, "--consent=x", "--dry-run")
    assert report[2][1:] == ["invalid", "unknown component “abc”"]
    assert report[3][1:] == ["invalid", "unknown components “Old mail”, “abc”"]
    assert report[4][1:] == ["imported", ""]
    assert "Unknown component “abc”: 3 lines; map it with --map abc=…\n" in said
    assert "Unknown component “Old mail”: 1 line; map it with --map 'Old mail'=…\n" in said


def test_lines_with_unknown_components_can_be_imported_for_the_others_or_for_all(tmp_path: Path) -> None:
    web = make_component("web")
    options = ("--consent=x", "--unknown-components=all")
    dry = import_text(tmp_path, UNKNOWN, *options, "--dry-run")
    assert not Subscriber.objects.exists()
    said, report = import_text(tmp_path, UNKNOWN, *options)
    assert report == dry[1]
    assert report[2][1:] == ["imported", "unknown component “abc”; imported for all components"]
    assert report[3][1:] == ["imported", "unknown components “Old mail”, “abc”; imported for the other components"]
    assert report[5][1:] == ["duplicate in this file", ""]
    assert "Unknown component “abc”: 2 lines" in said
    assert "Unknown component “abc”: 2 lines" in dry[0]
    assert components_of("none") == set()
    assert components_of("some") == components_of("known") == {web}


def test_only_the_most_frequent_unknown_components_are_listed(tmp_path: Path) -> None:
    text = "email,components\n" + "".join(f"a{one}@example.dk,c{one}\n" for one in range(25)) + "b@example.dk,c24\n"
    said, _report = import_text(tmp_path, text, "--consent=x")
    assert said.index("“c24”: 2 lines") < said.index("“c0”: 1 line;")
    assert "5 more components are unknown" in said


def test_import_and_export_are_recorded_with_the_account(tmp_path: Path) -> None:
    text = "email\na@example.dk\nb@example.dk\nbad\n"
    import_text(tmp_path, text, "--consent=Statuspage", "--dry-run")
    assert not AuditEntry.objects.exists()
    import_text(tmp_path, text, "--consent=Statuspage")
    import_text(tmp_path, "email,consent_source\nc@example.dk,Form\n")
    call_command("export_subscribers", str(tmp_path / "out.csv"), "--by=karen")
    assert list(AuditEntry.objects.order_by("pk").values_list("actor_name", "operation", "after")) == [
        ("karen", "import_subscribers", {"number": 2, "file": "in.csv", "consent_source": "Statuspage"}),
        ("karen", "import_subscribers", {"number": 1, "file": "in.csv"}),
        ("karen", "export_subscribers", {"number": 3, "file": "out.csv"}),
    ]


def test_failed_import_is_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("email\na@example.dk\n" + '"' + "x" * 200_000)
    with pytest.raises(CommandError):
        call_command("import_subscribers", str(file), "--by=karen", "--consent=x")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("command", ["import_subscribers", "export_subscribers"])
def test_import_and_export_need_an_active_staff_account(tmp_path: Path, command: str) -> None:
    User.objects.create_user("former", is_staff=True, is_active=False)
    User.objects.create_user("guest")
    file = tmp_path / "file.csv"
    for name in ("former", "guest", "nobody"):
        with pytest.raises(CommandError) as error:
            call_command(command, str(file), f"--by={name}")
        assert str(error.value) == f"--by {name}: no active staff account has this name."
    with pytest.raises(CommandError, match="required: --by"):
        call_command(command, str(file))
    assert not file.exists()


def test_each_imported_consent_is_recorded_with_what_is_known_of_it(tmp_path: Path) -> None:
    make_component("webmail")
    import_text(
        tmp_path,
        "address,components,consent_source,consent_text,confirmed_at\n"
        "anna@example.dk,webmail,Contract form,2023,2023-10-09T21:00:00Z\n"
        "ben@example.dk,,Paper,,\n",
    )
    fields = ("step", "method", "source", "text", "components")
    assert list(ConsentRecord.objects.values_list(*fields)) == [
        ("confirmed", "import", "Contract form", "2023", ["webmail"]),
        ("confirmed", "import", "Paper", "", []),
    ]
    known, unknown = ConsentRecord.objects.values_list("at", flat=True)
    assert known == Subscriber.objects.get(address="anna@example.dk").confirmed_at
    assert unknown is None
