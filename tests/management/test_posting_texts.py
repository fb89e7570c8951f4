"""Texts come from options, a file, standard input or an editor, and what was typed is never lost."""

import re
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from incidents.management.posting import texts
from incidents.models import Incident, Update
from incidents.status import Phase
from incidents.text import Text
from tests.factories import make_incident, make_page, make_update
from tests.management.posting_commands import Terminal

pytestmark = pytest.mark.django_db
FILE = "[title da]\nNede\n\n[text da]\nVi undersøger.\n\n[title en]\nDown\n\n[text en]\nWe are looking.\n"


@pytest.fixture
def incident(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    make_page()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "kept"))
    (tmp_path / "kept").mkdir()
    monkeypatch.delenv("VISUAL", raising=False)
    return Terminal("incident", monkeypatch)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def editor(incident: Terminal, folder: Path, code: str) -> None:
    """Let $EDITOR be a program that runs this code with the path of its file."""
    script = folder / "an editor.py"
    script.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n", encoding="utf-8")
    incident.patch.setenv("EDITOR", shlex.join([sys.executable, str(script)]))
    incident.patch.setattr(texts, "is_terminal", lambda: True)


def kept_file(incident: Terminal) -> Path:
    found = re.search(r"What you wrote is kept\. To use it again: --file (.+)", incident.warned)
    assert found, incident.warned
    return Path(shlex.split(found[1])[0])


def test_file_holds_titles_and_texts(incident: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "update.txt"
    file.write_text(FILE, encoding="utf-8")
    incident.run("open", "--file", str(file))
    opened = Incident.objects.get()
    assert opened.title == Text(da="Nede", en="Down")
    assert opened.updates.get().text == Text(da="Vi undersøger.", en="We are looking.")
    assert file.exists()


def test_standard_input_is_read(incident: Terminal, kept: Path) -> None:
    incident.run("open", "--file", "-", typed=FILE)
    assert Incident.objects.get().title == Text(da="Nede", en="Down")
    assert list(kept.iterdir()) == []


def test_standard_input_is_kept_if_it_is_refused(incident: Terminal) -> None:
    code, said = incident.refusal("open", "--file", "-", typed=FILE.replace("[title da]", "[titel da]"))
    assert code == 2
    assert said.startswith("The text has an error in line 1: there is no heading [titel da]")
    path = kept_file(incident)
    path.write_text(path.read_text(encoding="utf-8").replace("[titel da]", "[title da]"), encoding="utf-8")
    incident.run("open", "--file", str(path))
    assert Incident.objects.get().title == Text(da="Nede", en="Down")


def test_editor_opens_a_file_that_explains_itself(incident: Terminal, tmp_path: Path, kept: Path) -> None:
    seen = tmp_path / "seen.txt"
    code = f"pathlib.Path({str(seen)!r}).write_text(path.read_text())\npath.write_text('[text en]\\nFrom the editor')"
    editor(incident, tmp_path, code)
    opened = make_incident()
    incident.run("update", opened.pk)
    assert Update.objects.latest("created_at").text == Text(en="From the editor")
    template = seen.read_text(encoding="utf-8")
    assert template.startswith("; An update of “Mail is delayed”.\n;\n; Write below the headings")
    assert "\n[text da]\n\n[text en]\n" in template.replace("\n\n\n", "\n\n")
    assert list(kept.iterdir()) == []


def test_text_of_the_editor_is_kept_if_it_is_refused(incident: Terminal, tmp_path: Path) -> None:
    editor(incident, tmp_path, "path.write_text('[title en]\\n' + 'x' * 300 + '\\n[text en]\\nLong work')")
    assert incident.refusal("open")[0] == 1
    assert "Long work" in kept_file(incident).read_text(encoding="utf-8")


def test_text_of_the_editor_is_kept_after_a_dry_run(incident: Terminal, tmp_path: Path) -> None:
    editor(incident, tmp_path, "path.write_text('[title en]\\nDown\\n[text en]\\nLong work')")
    incident.run("open", "--dry-run")
    incident.run("open", "--file", str(kept_file(incident)))
    assert Incident.objects.get().title == Text(en="Down")


def test_text_is_kept_and_refused_if_somebody_else_posted_in_the_meantime(incident: Terminal) -> None:
    opened = make_incident()

    def edit(path: Path) -> None:
        make_update(opened, Phase.RESOLVED)
        path.write_text("[text en]\nStill looking", encoding="utf-8")

    incident.patch.setattr(texts, "is_terminal", lambda: True)
    incident.patch.setattr(texts, "_edit", edit)
    code, said = incident.refusal("update", opened.pk, "--phase", "investigating")
    assert (code, said.startswith("Somebody else changed it while you wrote.")) == (1, True)
    opened.refresh_from_db()
    assert opened.phase == Phase.RESOLVED
    incident.run("update", opened.pk, "--file", str(kept_file(incident)))
    assert Update.objects.filter(text__en="Still looking").count() == 1


def test_nothing_written_in_the_editor_does_nothing(incident: Terminal, tmp_path: Path, kept: Path) -> None:
    editor(incident, tmp_path, "")
    assert incident.refusal("open") == (3, "No text was written. Nothing was done.")
    assert list(kept.iterdir()) == []


def test_editor_that_fails_does_nothing_and_keeps_its_file(incident: Terminal, tmp_path: Path, kept: Path) -> None:
    editor(incident, tmp_path, "path.write_text('[text en]\\nHalf')\nsys.exit(5)")
    code, said = incident.refusal("open")
    assert (code, said) == (3, "The editor ended with 5.")
    assert kept_file(incident).read_text(encoding="utf-8") == "[text en]\nHalf"


def test_missing_editor_is_named(incident: Terminal, tmp_path: Path, kept: Path) -> None:
    editor(incident, tmp_path, "")
    incident.patch.setenv("EDITOR", "/nowhere/ed --wait")
    code, said = incident.refusal("open")
    assert (code, said.startswith("The editor /nowhere/ed cannot be started: ")) == (2, True)
    assert list(kept.iterdir()) == []


def test_without_text_and_terminal_the_options_are_named(incident: Terminal) -> None:
    code, said = incident.refusal("open")
    assert (code, said) == (
        2,
        "There is no text. Give it with --da, --en, --file PATH or, from standard input, --file -.",
    )


def test_options_and_file_together_are_refused(incident: Terminal) -> None:
    assert incident.refusal("open", "--en", "Hi", "--file", "-")[0] == 2


def test_file_that_cannot_be_read_is_refused(incident: Terminal, tmp_path: Path) -> None:
    missing, other = tmp_path / "missing.txt", tmp_path / "latin.txt"
    other.write_bytes("[text da]\nÆble".encode("latin-1"))
    assert incident.refusal("open", "--file", str(missing)) == (2, f"--file {missing}: No such file or directory")
    assert incident.refusal("open", "--file", str(other)) == (2, f"--file {other}: this is not UTF-8.")


@pytest.mark.parametrize("wrong", ["\x00", "\udcff"])
def test_characters_that_cannot_be_stored_are_no_traceback(incident: Terminal, wrong: str) -> None:
    incident.run("open", "--title-en", f"Down{wrong}", "--en", f"We{wrong} look.")
    assert Incident.objects.get().updates.get().text == Text(en="We look.")
