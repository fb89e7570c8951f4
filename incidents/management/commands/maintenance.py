"""`manage.py maintenance`: schedules and reports planned maintenance in the terminal."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from incidents import operations
from incidents.management.posting import lookup
from incidents.management.posting.arguments import add_action, add_actions, add_id, add_texts, names
from incidents.management.posting.base import Options, PostingCommand
from incidents.models import Incident, Update
from incidents.operations import Details, snapshots
from incidents.status import WORK_PHASES, Kind, Phase
from incidents.wording import words

EXAMPLES = """\
  manage.py maintenance schedule --title-en "New disks" --en "We replace the disks." --component mail \\
      --from "2026-11-28 22:00" --until "2026-11-28 23:30"
  manage.py maintenance start x7k2 --en "The work has begun."
  manage.py maintenance move x7k2 --until "2026-11-29 00:30"
  manage.py maintenance complete x7k2     opens $EDITOR for the text
"""
_STEPS: dict[str, tuple[Callable[..., Update], str, str]] = {
    "start": (operations.start_maintenance, "Reports that the work has started.", "Started"),
    "complete": (operations.complete_maintenance, "Reports that the work is done.", "Completed"),
    "cancel": (operations.cancel_maintenance, "Reports that the work is cancelled or aborted.", "Cancelled"),
}


class Command(PostingCommand):
    kind = Kind.MAINTENANCE
    help = (
        "Schedules and reports planned maintenance, for when the browser does not work. docs/command-line.md has more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = add_actions(parser, EXAMPLES)
        self.add_schedule(actions)
        for name, (_verb, help_text, _done) in _STEPS.items():
            step = add_action(actions, name, help_text)
            add_id(step)
            add_texts(step)
            self.add_posted(step, can_be_draft=False)
        update = add_action(actions, "update", "Adds an update.")
        add_id(update)
        add_texts(update)
        update.add_argument("--phase", choices=names(WORK_PHASES), help="Without it, the phase stays.")
        self.add_posted(update)
        move = add_action(actions, "move", "Changes the planned time, and notifies subscribers of both times.")
        add_id(move)
        self.add_window(move, is_required=False)
        add_texts(move)
        self.add_posted(move, can_be_draft=False)
        self.add_shared_actions(actions)

    def add_schedule(self, actions: Any) -> None:
        schedule = add_action(actions, "schedule", "Schedules maintenance and announces it.")
        add_texts(schedule, has_title=True)
        self.add_window(schedule, is_required=True)
        schedule.add_argument(
            "--component", action="append", default=[], metavar="SLUG", help="What it will affect; may be repeated."
        )
        schedule.add_argument("--auto-start", action="store_true", help="Report the start at the planned time.")
        schedule.add_argument("--auto-complete", action="store_true", help="Report the end at the planned time.")
        self.add_posted(schedule)

    def add_window(self, parser: ArgumentParser, *, is_required: bool) -> None:
        parser.add_argument(
            "--from",
            required=is_required,
            dest="start",
            metavar="TIME",
            help="The planned start, such as “2026-11-28 22:00” in the page's time zone, or with an offset.",
        )
        parser.add_argument("--until", required=is_required, metavar="TIME", help="The planned end.")

    def do_schedule(self, options: Options) -> None:
        fields = {
            "scheduled_for": lookup.moment(options["start"]),
            "scheduled_until": lookup.moment(options["until"]),
            "component_ids": [lookup.component(name) for name in options["component"]],
            "scheduled_auto_in_progress": options["auto_start"] or None,
            "scheduled_auto_completed": options["auto_complete"] or None,
        }
        with self.texts(options, "New planned maintenance.", has_title=True) as written:
            self.post(options, "Scheduled", lambda: self.open(options, written, **fields))

    def do_start(self, options: Options) -> None:
        self._step(options, *_STEPS["start"])

    def do_complete(self, options: Options) -> None:
        self._step(options, *_STEPS["complete"])

    def do_cancel(self, options: Options) -> None:
        self._step(options, *_STEPS["cancel"])

    def _step(self, options: Options, verb: Callable[..., Update], about: str, done: str) -> None:
        incident, by = self.found(options), self.actor(options)
        with self.texts(options, f"“{words(incident.title)}”. {about}") as written:
            self.post(
                options, done, lambda: verb(incident=incident, text=written.text, notify=options["notify"], by=by)
            )

    def do_update(self, options: Options) -> None:
        incident = self.found(options)
        opened = snapshots.of_state(incident)
        phase = Phase(options["phase"]) if options["phase"] else None
        with self.texts(options, f"An update of “{words(incident.title)}”.") as written:
            self.post(options, "Updated", lambda: self.change(options, incident, written, opened, phase=phase))

    def do_move(self, options: Options) -> None:
        incident, by = self.found(options), self.actor(options)
        given = {"scheduled_for": options["start"], "scheduled_until": options["until"]}
        details: Details = {name: lookup.moment(time) for name, time in given.items() if time}  # type: ignore[assignment]

        def move() -> Incident | Update:
            if options["notify"] is False:
                return operations.edit_incident(incident=incident, details=details, by=by)
            moved = operations.move_maintenance(incident=incident, details=details, text=written.text, by=by)
            return moved or incident

        with self.texts(options, "", is_required=False) as written:
            self.post(options, "Moved", move)
