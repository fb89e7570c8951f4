"""What an operation did, in the reader's language: one sentence for each operation that leaves an entry."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# They follow the name of the actor: “karen withdrew the incident”.
SENTENCES: dict[str, Promise] = {
    "open_incident": _("opened the incident"),
    "edit_incident": _("changed the details of the incident"),
    "post_update": _("wrote an update"),
    "edit_draft": _("changed the draft"),
    "publish_draft": _("published the draft"),
    "discard_draft": _("discarded the draft"),
    "correct_update": _("corrected the update"),
    "undo_update": _("undid the update"),
    "add_translation": _("added a translation"),
    "resolve": _("resolved the incident"),
    "reopen": _("reopened the incident"),
    "withdraw": _("withdrew the incident"),
    "publish_again": _("published the incident again"),
    "schedule_maintenance": _("scheduled the maintenance"),
    "move_maintenance": _("moved the maintenance"),
    "start_maintenance": _("started the maintenance"),
    "complete_maintenance": _("completed the maintenance"),
    "cancel_maintenance": _("cancelled the maintenance"),
    "cancel_announcement": _("cancelled the announcement"),
    "pause_announcement": _("paused the announcement"),
    "resume_announcement": _("resumed the announcement"),
    "stop_announcement": _("stopped the announcement"),
    "resend_failed": _("sent failed messages again"),
    "add_component": _("added the component"),
    "edit_component": _("changed the component"),
    "set_component_status": _("set the status of the component"),
    "add_group": pgettext_lazy("audit log, components", "added the group"),
    "edit_group": pgettext_lazy("audit log, components", "changed the group"),
    "remove_group": pgettext_lazy("audit log, components", "removed the group"),
    "add_template": _("added the template"),
    "edit_template": _("changed the template"),
    "remove_template": _("removed the template"),
    "edit_page": _("changed the page settings"),
    "change_logo": _("changed the logo"),
    "end_subscription": _("ended the subscription"),
    "import_subscribers": _("imported subscribers"),
    "export_subscribers": _("exported subscribers"),
    "log_in": pgettext_lazy("audit log", "logged in"),
    "fail_log_in": _("tried to log in with a wrong password"),
    "fail_single_sign_on": _("was not let in by single sign-on"),
    "add_own_account": _("got the account by single sign-on"),
    "follow_groups": _("got other groups by single sign-on"),
    "make_log_in_link": _("made a one-time log-in link for the account"),
    "use_log_in_link": _("used a one-time log-in link"),
    "link_account": _("linked the account with single sign-on"),
    "unlink_account": _("unlinked the account from single sign-on"),
    "set_password": _("set the password"),
    "add_account": _("added the account"),
    "edit_account": _("changed the account"),
    "remove_account": _("removed the account"),
    "add_account_group": pgettext_lazy("audit log, accounts", "added the group"),
    "edit_account_group": pgettext_lazy("audit log, accounts", "changed the group"),
    "remove_account_group": pgettext_lazy("audit log, accounts", "removed the group"),
    "set_up_second_factor": _("set up a second factor"),
    "replace_second_factor": _("replaced the second factor"),
    "remove_second_factor": _("removed the second factor"),
    "reset_second_factor": _("reset the second factor"),
    "create_token": _("made the API token"),
    "revoke_token": _("revoked the API token"),
    "renew_recovery_codes": _("made new recovery codes"),
}


def sentence(operation: str) -> str:
    """Return what an operation did. One without a sentence, of an older or newer version, is named in words."""
    return str(SENTENCES.get(operation) or operation.replace("_", " "))
