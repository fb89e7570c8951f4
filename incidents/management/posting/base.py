"""The base of both commands: who acts, the transaction, the dry run, and what is printed."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone, translation

from incidents import operations
from incidents.api import posting, schemas
from incidents.management.staff import staff_account
from incidents.merging import Snapshot
from incidents.models import Incident, Page, Update
from incidents.operations.effects import named_components
from incidents.staff import actors
from incidents.staff.actors import Actor
from incidents.status import FINAL_PHASES, Kind
from incidents.statuspage_api import status_of

from . import lookup, output, rehearsal, texts
from .arguments import ACTION, add_action, add_actor, add_id, add_list, add_output, add_posting
from .errors import as_command_errors, wrong_use
from .text_file import Texts

Options = Mapping[str, Any]
# They work, but hide the actions in the help.
_OPTIONS_OF_DJANGO = "--version -v --verbosity --settings --pythonpath --traceback --no-color --force-color".split()


class PostingCommand(BaseCommand):
    """Subcommands that call verbs of one kind of incident. Each is a method `do_…`."""

    kind: ClassVar[Kind]
    suppressed_base_arguments = set(_OPTIONS_OF_DJANGO)
    requires_system_checks = []  # at night, a wrong setting must not prevent an update

    def handle(self, *args: Any, **options: Any) -> None:
        in_english, errors = translation.override("en"), as_command_errors(options.get("by") or "")
        with in_english, errors, timezone.override(Page.objects.brief().time_zone):
            getattr(self, f"do_{options[ACTION]}")(options)

    def add_shared_actions(self, actions: Any) -> None:
        """Add `undo`, `publish`, `list` and `show`."""
        undo = add_action(
            actions, "undo", "Turns the newest update back into a draft while its announcement is held: nobody gets it."
        )
        undo.add_argument("--discard", action="store_true", help="Delete the draft, too.")
        publish = add_action(actions, "publish", "Publishes the newest draft, with its incident.")
        for parser in (undo, publish):
            add_id(parser)
            add_actor(parser)
        add_output(publish)
        add_list(add_action(actions, "list", "Lists those that are not over, drafts included; the newest first."))
        show = add_action(actions, "show", "Shows one with all of its updates, in every language.")
        add_id(show)
        add_output(show)

    def add_posted(self, parser: ArgumentParser, *, can_be_draft: bool = True) -> None:
        add_posting(parser, can_be_draft=can_be_draft)
        add_actor(parser)
        add_output(parser)

    def actor(self, options: Options) -> Actor:
        name = options["by"]
        return actors.person(staff_account(name)) if name else actors.command(str(self.kind))

    def found(self, options: Options) -> Incident:
        return lookup.incident(self.kind, options["id"])

    def open(self, options: Options, written: Texts, **fields: Any) -> Incident:
        """Open an incident or schedule maintenance, as the API does."""
        return posting.open_incident(_given(options, written, **fields), self.actor(options))

    def change(self, options: Options, incident: Incident, written: Texts, opened: Snapshot, **fields: Any) -> Incident:
        """Add an update to the state `opened`, as the API does; a final one names all components."""
        phase = fields.pop("phase", None)
        named = named_components(incident) if phase and (phase.is_final or incident.is_maintenance) else []
        status = status_of(phase) if phase else None
        given = _given(options, written, status=status, component_ids=named, **fields)
        return posting.change_incident(incident, given, self.actor(options), opened)

    def post(self, options: Options, what: str, verb: Callable[[], Incident | Update]) -> None:
        """Run a verb that stores an update, and print what it did; nothing stays of it with --dry-run."""
        before, started, is_rehearsal = rehearsal.statuses(), timezone.now(), bool(options.get("dry_run"))
        with transaction.atomic():
            result = verb()
            update = result if isinstance(result, Update) else _newest(result)
            update.incident.refresh_from_db()
            # A change of the planned time that nobody is notified of adds no update.
            notifies = update.notify and update.published_at is not None and update.published_at >= started
            # Written before the commit: an error in a sentence undoes everything, so that it can be repeated.
            if options["json"]:
                lines = [as_json(output.as_json([update.incident])[0])]
            elif is_rehearsal:
                lines = list(rehearsal.described(update, before, notifies=notifies))
            else:
                lines = list(output.done(update, what, notifies=notifies))
            if is_rehearsal:
                transaction.set_rollback(True)
        if not is_rehearsal:
            self.warn(output.warnings(update))
        self.write(lines)

    def warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stderr.write(line, self.style.WARNING)

    def texts(self, options: Options, about: str, **settings: Any) -> Any:
        return texts.given(options, self.stderr, about=about, **settings)

    def do_undo(self, options: Options) -> None:
        incident, by = self.found(options), self.actor(options)
        update = incident.updates.public().order_by("-published_at", "-created_at").first()
        if update is None:
            raise ValidationError("It has no public update.")
        with transaction.atomic():
            operations.undo_update(update=update, by=by)
            if options["discard"]:
                operations.discard_draft(update=update, by=by)
        what = "deleted" if options["discard"] else "a draft"
        self.write([f"Undone: {incident.pk}. Nobody gets the update; it is {what}."])

    def do_publish(self, options: Options) -> None:
        incident = self.found(options)
        draft = incident.updates.filter(published_at=None).order_by("-created_at").first()
        if draft is None:
            raise ValidationError("It has no draft.")
        self.post(options, "Published", lambda: operations.publish_draft(update=draft, by=self.actor(options)))

    def do_list(self, options: Options) -> None:
        rows = Incident.objects.filter(kind=self.kind)
        if not options["all"]:
            rows = rows.exclude(phase__in=FINAL_PHASES).filter(withdrawn_at=None)
        if options["limit"] < 1:
            raise wrong_use("--limit: at least 1.")
        shown = list(rows.newest_first()[: options["limit"]])
        if options["json"]:
            self.write([as_json(output.as_json(shown))])
        else:
            self.write(output.table(shown))

    def do_show(self, options: Options) -> None:
        incident = self.found(options)
        if options["json"]:
            self.write([as_json(output.as_json([incident])[0])])
        else:
            self.write(output.one(incident))

    def write(self, lines: Iterable[str]) -> None:
        self.stdout.write("\n".join(lines))


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _given(options: Options, written: Texts, **fields: Any) -> schemas.GivenIncident:
    codes = [*dict.fromkeys([*written.title, *written.text])]
    translations = {
        code: schemas.Translation(name=written.title.get(code, ""), body=written.text.get(code, "")) for code in codes
    }
    return schemas.GivenIncident(
        translations=translations,
        deliver_notifications=options["notify"],
        draft=options.get("draft", False),
        **{name: value for name, value in fields.items() if value is not None},
    )


def _newest(incident: Incident) -> Update:
    update = incident.updates.order_by("-created_at", "-pk").first()
    if update is None:
        raise ValidationError("It has this state already. Nothing was done.")
    return update
