"""The verbs: every change of state, for the admin, the API, the scheduler and commands.

Each is atomic and writes its consequences in the same transaction: the documents that
are now stale, and the announcement. Invalid input raises ValidationError, field by field.
"""

from ..notifications.bounces.mail import MAX_EMAIL_BYTES
from ..notifications.ledger.retention import apply_retention
from ..subscriptions.import_table import ImportedLine, ImportResult, InvalidLine
from ..subscriptions.importing import ImportSource, import_subscribers, summarise_import
from ..subscriptions.returned_mail import UnknownBounceAddress, receive_bounce
from .alert_rules import AlertRuleFields, add_alert_rule, check_alert_rule, edit_alert_rule, remove_alert_rule
from .automatic import (
    automatic_text,
    complete_due_maintenance,
    is_due_to_complete,
    is_due_to_start,
    mark_overdue,
    start_due_maintenance,
)
from .components import (
    ComponentFields,
    GroupFields,
    add_component,
    add_group,
    edit_component,
    edit_group,
    remove_group,
    set_component_status,
)
from .incidents import edit_incident, open_incident, publish_again, reopen, resolve, undo_update, withdraw
from .keys import keys_of
from .maintenance import (
    cancel_maintenance,
    complete_maintenance,
    held_move,
    move_maintenance,
    move_planned_end,
    schedule_maintenance,
    start_maintenance,
)
from .notifying import (
    cancel_announcement,
    pause_announcement,
    resend_failed,
    resume_announcement,
    stop_announcement,
)
from .page import change_logo, edit_page
from .reminders import default_reminders, remind_of_maintenance
from .series import can_repeat, end_series, following_in_series, make_due_maintenance, repeat_maintenance
from .statements import Details, Statement
from .statuses import derived_changes, rebuild_statuses, stored_changes
from .subscribers import add_confirmed_subscriber, add_subscriber, end_subscription, resend_confirmation
from .templates import TemplateFields, add_template, check_template, edit_template, remove_template
from .tokens import create_token, revoke_token
from .translations import add_translation, addable_languages, added_languages, readers_without_translation
from .unsaved_forms import FormPlace, close_form, forget_outdated_forms, keep_form, leave_form
from .updates import correct_update, discard_draft, edit_draft, post_update, publish_draft, publish_due

__all__ = [
    "MAX_EMAIL_BYTES",
    "AlertRuleFields",
    "ComponentFields",
    "Details",
    "FormPlace",
    "GroupFields",
    "ImportResult",
    "ImportSource",
    "ImportedLine",
    "InvalidLine",
    "Statement",
    "TemplateFields",
    "UnknownBounceAddress",
    "add_alert_rule",
    "add_component",
    "add_confirmed_subscriber",
    "add_group",
    "add_subscriber",
    "add_template",
    "add_translation",
    "addable_languages",
    "added_languages",
    "apply_retention",
    "automatic_text",
    "can_repeat",
    "cancel_announcement",
    "cancel_maintenance",
    "change_logo",
    "check_alert_rule",
    "check_template",
    "close_form",
    "complete_due_maintenance",
    "complete_maintenance",
    "correct_update",
    "create_token",
    "default_reminders",
    "derived_changes",
    "discard_draft",
    "edit_alert_rule",
    "edit_component",
    "edit_draft",
    "edit_group",
    "edit_incident",
    "edit_page",
    "edit_template",
    "end_series",
    "end_subscription",
    "following_in_series",
    "forget_outdated_forms",
    "held_move",
    "import_subscribers",
    "is_due_to_complete",
    "is_due_to_start",
    "keep_form",
    "keys_of",
    "leave_form",
    "make_due_maintenance",
    "mark_overdue",
    "move_maintenance",
    "move_planned_end",
    "open_incident",
    "pause_announcement",
    "post_update",
    "publish_again",
    "publish_draft",
    "publish_due",
    "readers_without_translation",
    "rebuild_statuses",
    "receive_bounce",
    "remind_of_maintenance",
    "remove_alert_rule",
    "remove_group",
    "remove_template",
    "reopen",
    "repeat_maintenance",
    "resend_confirmation",
    "resend_failed",
    "resolve",
    "resume_announcement",
    "revoke_token",
    "schedule_maintenance",
    "set_component_status",
    "start_due_maintenance",
    "start_maintenance",
    "stop_announcement",
    "stored_changes",
    "summarise_import",
    "undo_update",
    "withdraw",
]
