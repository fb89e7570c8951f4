"""Translation catalogues without GNU gettext: extract, merge, compile and check with Babel.

English is the language of the source and needs no catalogue. A catalogue is
written the same on every machine and at any time: no dates, no line numbers.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import template as django_template

# Function → which arguments are the context, the text and its plural.
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
TEMPLATES = {".html", ".txt", ".xml"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sdf]|\{\w*\}")
WIDTH = 110

Key = tuple[str, str]  # context, text


class Strings(Catalog):
    """A catalogue whose header never changes by itself."""

    def __init__(self, locale: str | None = None) -> None:
        comment = f"# The status page in “{locale}”. Collected by `make messages`; only msgstr is written by hand."
        super().__init__(locale=locale, header_comment=comment, fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        headers = [("Language", str(self.locale))] if self.locale else []
        headers += [("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8")]
        headers += [("Content-Transfer-Encoding", "8bit")]
        return headers + ([("Plural-Forms", self.plural_forms)] if self.locale else [])


def extract(root: Path, folders: list[str]) -> Strings:
    """Every string that the source marks for translation."""
    strings = Strings()
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix == ".py" or path.suffix in TEMPLATES:
                extract_file(strings, path, path.relative_to(root).as_posix())
    return strings


def extract_file(strings: Strings, path: Path, name: str) -> None:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        source = as_python(source, name)
    for _line, function, texts, comments in extract_python(
        io.BytesIO(source.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"}
    ):
        if found := arguments(str(function), texts):
            context, text = found
            strings.add(text, locations=[(name, 0)], auto_comments=list(comments or ()), context=context)


def as_python(template: str, name: str) -> str:
    """Django turns a template into calls of gettext; Python's tokenizer wants no indentation."""
    code = django_template.templatize(template, origin=name)
    return "\n".join(line.strip() for line in code.splitlines())


def arguments(function: str, texts: Any) -> tuple[str | None, str | tuple[str, str]] | None:
    """Context and text of one call; nothing where the text is not written out there."""
    given: list[Any] = [texts] if isinstance(texts, str) or texts is None else list(texts)
    positions: tuple[Any, ...] = KEYWORDS[function] or (1,)
    context: str | None = None
    if isinstance(positions[0], tuple):
        context, positions = given[positions[0][0] - 1], positions[1:]
    chosen: list[Any] = [given[position - 1] if position <= len(given) else None for position in positions]
    if not all(chosen):
        return None
    return context, chosen[0] if len(chosen) == 1 else (chosen[0], chosen[1])


def catalogue_path(locale_folder: Path, language: str) -> Path:
    return locale_folder / language / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Strings:
    strings = Strings(language)
    if path.exists():
        with path.open("rb") as file:
            written = read_po(file, locale=language)
        for message in written:
            if message.id:
                strings[message.id] = message
        strings.obsolete = written.obsolete
    return strings


def merge(source: Strings, written: Strings) -> Strings:
    """The source's strings with the translations there are; what the source no longer says is gone."""
    merged = Strings(str(written.locale))
    for message in source:
        if not message.id:
            continue
        known = written.get(key_text(message), message.context)
        if known is not None and known.id == message.id:
            message.string = known.string
            message.flags |= known.flags & {"fuzzy"}
            message.user_comments = known.user_comments
        else:
            message.string = ("",) * merged.num_plurals if message.pluralizable else ""
        merged[message.id] = message
    return merged


def write(strings: Strings, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, strings, width=WIDTH, sort_output=True, ignore_obsolete=True, include_lineno=False)
    with path.with_suffix(".mo").open("wb") as compiled:
        write_mo(compiled, finished(strings))


def finished(strings: Strings) -> Strings:
    """Only what is translated: for half a plural Babel would put the English one into the compiled file."""
    done = Strings(str(strings.locale))
    for message in strings:
        if message.id and is_finished(message):
            done[message.id] = message
    return done


def is_finished(message: Message) -> bool:
    return all(forms(message.string)) and not message.fuzzy


def key_text(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def forms(value: object) -> list[str]:
    return (
        [value] if isinstance(value, str) else [str(form) for form in value] if isinstance(value, list | tuple) else []
    )


def translations(strings: Catalog) -> dict[Key, list[str]]:
    """What a program gets: text → its translation, without what is missing or uncertain."""
    return {
        (context_of(message), key_text(message)): forms(message.string)
        for message in strings
        if message.id and is_finished(message)
    }


def context_of(message: Message) -> str:
    """Babel leaves the contexts of a compiled catalogue as bytes."""
    given: str | bytes = message.context or ""
    return given.decode() if isinstance(given, bytes) else given


def faults(source: Strings, written: Strings, path: Path) -> Iterator[str]:
    """Everything that keeps a reader from seeing the whole page in this language."""
    for message in source:
        if not message.id:
            continue
        known = written.get(key_text(message), message.context)
        where = f"“{key_text(message)}” ({', '.join(sorted({file for file, _ in message.locations}))})"
        if known is None or known.id != message.id:
            yield f"missing, run `make messages`: {where}"
        elif fault := translation_fault(known):
            yield f"{fault}: {where}"
    for message in [*written, *written.obsolete.values()]:
        if message.id and source.get(key_text(message), message.context) is None:
            yield f"obsolete, run `make messages`: “{key_text(message)}”"
    if not agrees(written, path.with_suffix(".mo")):
        yield f"{path.with_suffix('.mo').name} does not agree with {path.name}, run `make messages`"


def translation_fault(message: Message) -> str:
    if not all(forms(message.string)):
        return "untranslated"
    if message.fuzzy:
        return "marked as fuzzy"
    if not same_placeholders(message):
        return "other placeholders than the source"
    originals = forms(message.id)
    if any(form.endswith("\n") != originals[0].endswith("\n") for form in forms(message.string)):
        return "ends with a line break where the source does not, or the reverse"
    return ""


def same_placeholders(message: Message) -> bool:
    """A singular may say “one” in words; nothing may name what the source does not give."""
    wanted = sorted(PLACEHOLDER.findall(forms(message.id)[-1]))
    *fewer, last = [sorted(PLACEHOLDER.findall(form)) for form in forms(message.string)]
    return last == wanted and all(set(found) <= set(wanted) for found in fewer)


def agrees(written: Strings, compiled: Path) -> bool:
    if not compiled.exists():
        return False
    with compiled.open("rb") as file:
        return translations(read_mo(file)) == translations(written)
