"""Keys: what groups, templates and alert rules are called in files (`manage.py apply`). Readers never see them."""

from collections.abc import Collection
from itertools import count

from django.conf import settings
from django.utils.text import slugify

from ..models import ComponentGroup, UpdateTemplate
from ..text import Text

Keyed = ComponentGroup | UpdateTemplate

_ASCII = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "Ae", "Ø": "Oe", "Å": "Aa", "ß": "ss"})


def free_slug(name: Text | str, taken: Collection[str], otherwise: str) -> str:
    """Return a slug made from a name, which is not taken; `otherwise` if the name has no letter that it can have."""
    said = name.passage(settings.LANGUAGE_CODE).text if isinstance(name, Text) else name
    root = slugify(said.translate(_ASCII))[:50].strip("-") or otherwise
    numbered = (f"{root}-{number}" for number in count(2))
    return root if root not in taken else next(slug for slug in numbered if slug not in taken)


def keys_of(model: type[Keyed]) -> dict[str, str]:
    """Return the key of each row by its id. A row without one, of an older version, gets one made from its name."""
    rows = list(model._default_manager.order_by("created_at", "id"))
    keys = {row.pk: row.key for row in rows if row.key}
    for row in rows:
        if not row.key:
            keys[row.pk] = free_slug(row.name, keys.values(), "unnamed")
    return keys


def settle_keys(model: type[Keyed]) -> None:
    """Store the keys of rows that have none, before a change of names or rows could give them others."""
    if model._default_manager.filter(key=None).exists():
        for pk, key in keys_of(model).items():
            model._default_manager.filter(pk=pk, key=None).update(key=key)


def new_key(row: Keyed) -> str:
    """Return a key for a row that is not stored yet, made from its name."""
    return free_slug(row.name, keys_of(type(row)).values(), "unnamed")
