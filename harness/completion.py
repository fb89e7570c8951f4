"""The completions of bash and fish, written from the parsers of the commands: `make reference`."""

from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from incidents.status import ComponentStatus
from statuspage.local.paths import ROOT

FOLDER = Path(ROOT, "deploy", "completion")
_COMMANDS = Path(ROOT, "incidents", "management", "commands")
# Of Django and RQ, those that docs/commands.md names.
OF_OTHERS = ["changepassword", "check", "collectstatic", "createsuperuser", "help", "rqworker"]
_FORMER = {"clock"}
_BASH_HEAD = """\
# Completion of statuspage-manage and manage.py for bash, written by `make reference`.
# Copy it to /etc/bash_completion.d/, or read it with `.` in ~/.bashrc.
_statuspage() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} key=${COMP_WORDS[1]} offered=
    if ((COMP_CWORD == 1)); then key=; fi
"""
_BASH_END = """\
    esac
    mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
}
complete -o default -F _statuspage statuspage-manage manage.py ./manage.py
"""
_FISH_HEAD = """\
# Completion of statuspage-manage and manage.py for fish, written by `make reference`.
# Copy it to /etc/fish/completions/statuspage-manage.fish.
function __statuspage_at  # whether the words so far are exactly these
    set -l words (commandline -opc)
    test "$words[2..]" = "$argv"
end
function __statuspage_in  # whether the words so far begin with these
    set -l words (commandline -opc)
    string match -q -- "$argv *" "$words[2..] "
end
complete -c manage.py -w statuspage-manage
"""


@dataclass(frozen=True)
class Place:
    """A command, or an action of one, with the arguments that can follow."""

    words: str
    help: str
    arguments: list[Action]

    @property
    def options(self) -> list[Action]:
        return [one for one in self.arguments if one.option_strings]

    @property
    def has_statuses(self) -> bool:
        """Whether a component is given with its status: `web=major_outage`."""
        return any("=STATUS" in str(one.metavar) for one in self.options)


def files() -> dict[Path, str]:
    """Return the files as they should be."""
    return {FOLDER / "statuspage.bash": bash(), FOLDER / "statuspage.fish": fish()}


def names() -> list[str]:
    """Return the commands that are offered."""
    return sorted({path.stem for path in _COMMANDS.glob("[a-z]*.py")} - _FORMER | set(OF_OTHERS))


def places() -> dict[str, list[Place]]:
    """Return our commands, each with its actions."""
    return {name: list(_places(name)) for name in names() if name not in OF_OTHERS}


def _places(name: str) -> Iterator[Place]:
    parser = load_command_class("incidents", name).create_parser("manage.py", name)
    of_django = {action.dest for action in BaseCommand().create_parser("manage.py", name)._actions}
    own = [action for action in parser._actions if action.dest not in of_django]
    yield Place(name, _first_sentence(parser), [one for one in own if not isinstance(one, _SubParsersAction)])
    for action in own:
        if isinstance(action, _SubParsersAction):
            for sub, one in action.choices.items():
                arguments = [argument for argument in one._actions if argument.dest != "help"]
                yield Place(f"{name} {sub}", _first_sentence(one), arguments)


def _first_sentence(parser: ArgumentParser) -> str:
    return str(parser.description).split(". ", 1)[0].split(": ", 1)[0].rstrip(".")


def bash() -> str:
    """Return the completion of bash."""
    found = places()
    with_actions = "|".join(name for name, those in found.items() if len(those) > 1)
    lines = [
        f'    case "$key" in {with_actions}) if ((COMP_CWORD > 2)); then key+=" ${{COMP_WORDS[2]}}"; fi ;; esac',
        '    case "$current" in =) previous==; current= ;; esac',
        '    case "$key:$previous" in',
        f'        :*) offered="{" ".join(names())}" ;;',
    ]
    for those in found.values():
        for place in those[1:] or those:
            lines += _bash_place(place)
        if len(those) > 1:
            lines.append(
                f'        {those[0].words}:*) offered="{" ".join(one.words.split()[1] for one in those[1:])}" ;;'
            )
    return _BASH_HEAD + "".join(f"{line}\n" for line in lines) + _BASH_END


def _bash_place(place: Place) -> Iterator[str]:
    free = []
    for option in place.options:
        patterns = [f'"{place.words}:{string}"' for string in option.option_strings]
        if option.choices:
            yield f'        {"|".join(patterns)}) offered="{" ".join(map(str, option.choices))}" ;;'
        elif option.nargs != 0:
            free += patterns
    if place.has_statuses:
        yield f'        "{place.words}:=") offered="{" ".join(ComponentStatus)}" ;;'
    if free:
        yield f"        {'|'.join(free)}) ;;"
    strings = [string for option in place.options for string in option.option_strings]
    yield f'        "{place.words}:"*) offered="{" ".join(strings)}" ;;'


def fish() -> str:
    """Return the completion of fish."""
    found = places()
    lines = [f"complete -c statuspage-manage -n '__statuspage_at' -f -a {name}" for name in OF_OTHERS]
    for name, those in found.items():
        lines.append(f"complete -c statuspage-manage -n '__statuspage_at' -f -a {name} -d {_quoted(those[0].help)}")
        for place in those[1:]:
            start = f"complete -c statuspage-manage -n '__statuspage_at {name}' -f"
            lines.append(f"{start} -a {place.words.split()[1]} -d {_quoted(place.help)}")
        lines += [line for place in (those[1:] or those) for line in _fish_options(place)]
    return _FISH_HEAD + "".join(f"{line}\n" for line in lines)


def _fish_options(place: Place) -> Iterator[str]:
    for option in place.options:
        strings = " ".join(
            f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in option.option_strings
        )
        value = f" -x -a {_quoted(' '.join(map(str, option.choices)))}" if option.choices else ""
        value = value or ("" if option.nargs == 0 else " -r")
        text = str(option.help or "") % vars(option)
        start = f"complete -c statuspage-manage -n '__statuspage_in {place.words}' {strings}{value}"
        yield f"{start} -d {_quoted(text.split('. ', 1)[0].rstrip('.'))}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
