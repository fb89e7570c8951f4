"""All checks, in the order in which they are printed; docs/doctor.md has a row for each."""

from . import code, delivery, machine, people, processes, publishing, servers, site
from .base import Check

CHECKS = (
    Check("settings", code.settings_are_safe),
    Check("secrets", code.secrets_are_private),
    Check("database", servers.database_answers),
    Check("migrations", code.migrations_are_applied),
    Check("queue", servers.queue_answers),
    Check("workers", processes.workers_run),
    Check("scheduler", processes.scheduler_runs),
    Check("jobs", processes.jobs_succeed),
    Check("store", publishing.store_is_writable),
    Check("published", publishing.store_is_current),
    Check("mirror", publishing.mirror_is_current),
    Check("deliveries", delivery.deliveries_progress),
    Check("bounces", delivery.bounces_are_few),
    Check("sender", delivery.sender_is_trusted),
    Check("page", site.page_answers),
    Check("certificate", site.certificate_lasts),
    Check("clock", site.clocks_agree),
    Check("disk", machine.disks_have_space),
    Check("backup", machine.backup_is_recent),
    Check("second_factor", people.publishers_have_second_factors),
    Check("accounts", people.accounts_are_used),
)
