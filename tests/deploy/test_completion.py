"""Shells complete commands, actions, options and their choices; tests/test_docs.py compares the files with the code."""

import shlex
import shutil
import subprocess

import pytest

from harness import completion

FISH = shutil.which("fish")
BASH = shutil.which("bash")
# What is typed, and some of what is offered.
CASES = [
    ("inc", {"incident"}),
    ("re", {"receive_bounce", "restore", "retention"}),
    ("maintenance c", {"complete", "cancel"}),
    ("incident open --title", {"--title-da", "--title-en"}),
    ("incident open --da Nede --imp", {"--impact"}),
    ("incident open --impact m", {"minor", "major"}),
    ("maintenance update x7k2 --phase v", {"verifying"}),
    ("publish --ch", {"--check"}),
]


def in_bash(typed: str) -> set[str]:
    words = ["statuspage-manage", *typed.split(" ")]
    script = (
        f"source {completion.FOLDER}/statuspage.bash; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1};"
        ' _statuspage; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    shell = [str(BASH), "--norc", "-euc", script]
    return set(subprocess.run(shell, check=True, capture_output=True, text=True, timeout=60).stdout.split())


def in_fish(typed: str, program: str = "statuspage-manage") -> set[str]:
    script = f"source {completion.FOLDER}/statuspage.fish; complete -C {shlex.quote(f'{program} {typed}')}"
    shell = [str(FISH), "--no-config", "-c", script]
    said = subprocess.run(shell, check=True, capture_output=True, text=True, timeout=60).stdout
    return {line.split("\t")[0] for line in said.splitlines()}


@pytest.mark.skipif(not BASH, reason="bash is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash_offers_what_can_follow(typed: str, offered: set[str]) -> None:
    assert in_bash(typed) == offered


@pytest.mark.skipif(not BASH, reason="bash is not installed")
def test_bash_offers_statuses_after_a_component_and_files_after_file() -> None:
    assert in_bash("incident open --component web = ma") == {"major_outage"}
    assert len(in_bash("incident update x7k2 --component web =")) == 5
    assert in_bash("incident open --file ") == set()  # then bash offers files


@pytest.mark.skipif(not FISH, reason="fish is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish_offers_what_can_follow(typed: str, offered: set[str]) -> None:
    assert in_fish(typed) == offered


@pytest.mark.skipif(not FISH, reason="fish is not installed")
def test_fish_knows_both_names_of_the_program() -> None:
    assert in_fish("maintenance c", "manage.py") == {"complete", "cancel"}


def test_every_command_is_offered() -> None:
    assert {"incident", "maintenance", "doctor", "check"} <= set(completion.names())
