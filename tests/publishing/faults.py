"""Faults of the public store, for tests."""

import pytest

from incidents.publishing.store.public_store import PublicStore


def refuse_documents_of(incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail to write any document with the incident's id in its path."""
    stage = PublicStore.stage

    def refuse(store: PublicStore, path: str, *args: object) -> object:
        if incident in path:
            raise ValueError("poisoned")
        return stage(store, path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PublicStore, "stage", refuse)
