"""`manage.py incident`: opens, updates and resolves incidents in the terminal."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from incidents.management.posting import lookup
from incidents.management.posting.arguments import add_action, add_actions, add_id, add_texts, names
from incidents.management.posting.base import Options, PostingCommand
from incidents.operations import snapshots
from incidents.status import INCIDENT_PHASES, Kind, Phase, impacts_of
from incidents.statuspage_api import status_of
from incidents.wording import words

EXAMPLES = """\
  manage.py incident open --title-en "Mail is delayed" --en "We are looking into it." --component mail=partial_outage
  manage.py incident update x7k2 --phase identified     opens $EDITOR for the text
  manage.py incident resolve x7k2 --da "Løst." --en "Resolved." --dry-run
  manage.py incident undo x7k2     while the announcement is held
"""
PHASES = [phase for phase in INCIDENT_PHASES if phase != Phase.POSTMORTEM]


class Command(PostingCommand):
    kind = Kind.INCIDENT
    help = "Opens, updates and resolves incidents, for when the browser does not work. docs/command-line.md has more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = add_actions(parser, EXAMPLES)
        opening = add_action(actions, "open", "Opens an incident with its first update.")
        add_texts(opening, has_title=True)
        self.add_state(opening, [phase for phase in PHASES if not phase.is_final])
        opening.add_argument(
            "--impact",
            choices=names(impacts_of(Kind.INCIDENT)),
            help="Without it, the impact follows from the worst status.",
        )
        updating = add_action(actions, "update", "Adds an update. With a phase that is not final, it reopens.")
        add_id(updating)
        add_texts(updating)
        self.add_state(updating, PHASES)
        resolving = add_action(actions, "resolve", "Adds the final update: the incident is over, and its outages end.")
        add_id(resolving)
        add_texts(resolving)
        for one in (opening, updating, resolving):
            self.add_posted(one)
        self.add_shared_actions(actions)

    def add_state(self, parser: ArgumentParser, phases: Sequence[Phase]) -> None:
        parser.add_argument(
            "--component",
            action="append",
            default=[],
            metavar="SLUG=STATUS",
            help="The status of a component, such as web=major_outage; may be repeated.",
        )
        parser.add_argument("--phase", choices=names(phases), help="Without it, the phase stays.")
        parser.add_argument(
            "--next-update",
            metavar="TIME",
            help="When readers can expect the next update: “2026-11-28 22:00” in the page's time zone, or +30m.",
        )

    def do_open(self, options: Options) -> None:
        phase = Phase(options["phase"]) if options["phase"] else Phase.INVESTIGATING
        fields = {"status": status_of(phase), "impact_override": options["impact"], **_state_of(options)}
        with self.texts(options, "A new incident.", has_title=True) as written:
            self.post(options, "Opened", lambda: self.open(options, written, **fields))

    def do_update(self, options: Options) -> None:
        self._update(options, Phase(options["phase"]) if options["phase"] else None, **_state_of(options))

    def do_resolve(self, options: Options) -> None:
        self._update(options, Phase.RESOLVED)

    def _update(self, options: Options, phase: Phase | None, **fields: Any) -> None:
        incident = self.found(options)
        opened = snapshots.of_state(incident)
        with self.texts(options, f"An update of “{words(incident.title)}”.") as written:
            self.post(
                options,
                "Resolved" if phase == Phase.RESOLVED else "Updated",
                lambda: self.change(options, incident, written, opened, phase=phase, **fields),
            )


def _state_of(options: Options) -> dict[str, Any]:
    return {
        "components": lookup.components(options["component"]),
        "next_update_by": lookup.promise(options["next_update"]),
    }
