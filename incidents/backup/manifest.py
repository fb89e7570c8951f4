"""The manifest, the last file of a backup: what the backup contains, and from which version and time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from .errors import BackupError

FORMAT = 1  # raise it when an older version could not restore the file correctly
DATABASE, STORE = "database", "store"


@dataclass
class Tally:
    """Counts and hashes the files of one part: of each its path, its size and its content."""

    files: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256, repr=False)

    def begin(self, path: str, size: int) -> None:
        self.files += 1
        self.digest.update(f"{path}\0{size}\n".encode())

    def add(self, content: bytes) -> bytes:
        self.size += len(content)
        self.digest.update(content)
        return content

    def as_part(self) -> "ArchivedPart":
        return ArchivedPart(self.files, self.size, self.digest.hexdigest())


@dataclass(frozen=True)
class ArchivedPart:
    files: int
    size: int
    sha256: str


@dataclass(frozen=True)
class BackupFacts:
    """What is known before the parts are written."""

    version: str
    made_at: datetime
    site: str
    postgresql: int  # such as 150018
    migrations: list[str]
    rows: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    facts: BackupFacts
    parts: Mapping[str, ArchivedPart]

    def to_bytes(self) -> bytes:
        parts = {name: asdict(part) for name, part in self.parts.items()}
        facts = asdict(self.facts) | {"made_at": self.facts.made_at.isoformat()}
        return json.dumps({"format": FORMAT, **facts, "parts": parts}, indent=2).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        """Read a manifest. Raises BackupError for one that this version does not understand."""
        try:
            read = json.loads(content)
            if read["format"] > FORMAT:
                raise BackupError(
                    f"The backup was made by version {read['version']}, which is newer than this one. Upgrade first."
                )
            facts = BackupFacts(
                version=str(read["version"]),
                made_at=datetime.fromisoformat(read["made_at"]),
                site=str(read["site"]),
                postgresql=int(read["postgresql"]),
                migrations=[str(name) for name in read["migrations"]],
                rows={str(name): int(number) for name, number in read["rows"].items()},
            )
            return cls(facts, {name: ArchivedPart(**part) for name, part in read["parts"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"The manifest of the backup cannot be read: {error!r}.") from error
