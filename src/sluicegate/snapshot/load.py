"""`application.yml` and the environment to settings and resources, or to every fault in them.

    file ──read──▶ draft ──overrides, references──▶ structs ──rules──▶ Loaded

Synchronous; only files are read. It is called in a thread while a loop serves, so it works resource
by resource and never stays long inside one call that holds the interpreter's lock.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.resource import FieldFault
from sluicegate.settings import Settings
from sluicegate.snapshot import overrides, references, rules, source
from sluicegate.snapshot.conversion import Converter
from sluicegate.snapshot.document import Document, Kind, Resources, encode
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.faults import convert_or_explain, hint, salvage
from sluicegate.snapshot.policies import PolicyCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER_MARK = b"# sluicegate: relative paths start at "


@dataclass(frozen=True, slots=True)
class Loaded:
    """An accepted configuration.

    `source` is its text, references intact, behind a line that says where its relative paths
    start, so that it can be kept elsewhere. `draft` knows the line of everything, for faults that
    are found later.
    """

    settings: Settings
    resources: Resources
    source: bytes
    draft: Draft


def load(path: Path, environ: Mapping[str, str], catalog: PolicyCatalog | None = None) -> Loaded:
    """Read a configuration file.

    Raises ConfigError with every fault: of the file as YAML, of settings from the environment
    (their path is the variable, their line 0), of references, types and names.
    """
    raw, folder = _read(path)
    draft = Draft(source.read(raw))
    if not isinstance(draft.source.data, dict):
        if not draft.faults:
            draft.complain((), "found nothing to configure; expected a mapping with `routes`")
        draft.finish()
    overrides.apply(draft, environ)
    references.resolve(draft, environ, folder)
    _check_sections(draft)
    converter = Converter(draft, catalog or PolicyCatalog(), folder)
    document = converter.document(_settings(draft))
    rules.check(draft, document, converter.uses, converter.unmatched)
    draft.finish()
    settings = Settings(**{name: getattr(document, name) for name in Settings.__struct_fields__})
    mark = FOLDER_MARK + json.dumps(str(folder)).encode() + b"\n"
    text = raw if raw.startswith(FOLDER_MARK) else mark + raw.removeprefix(b"\xef\xbb\xbf")
    return Loaded(settings, _resources(document, draft), text, draft)


def _read(path: Path) -> tuple[bytes, Path]:
    """Return the text and the folder that its relative paths start at."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Fault("", 0, f"cannot read {path}: {reason}")]) from error
    if raw.startswith(FOLDER_MARK):
        try:
            return raw, Path(json.loads(raw[len(FOLDER_MARK) :].split(b"\n", 1)[0]))
        except (ValueError, TypeError) as error:
            message = "the first line names no folder; take it out, or run from the original"
            raise ConfigError([Fault("", 1, message)]) from error
    return raw, path.resolve().parent


def _settings(draft: Draft) -> dict[str, Any]:
    """Build what can be built of the settings."""
    made = {}
    for field in msgspec.structs.fields(Settings):
        if field.name not in draft.data:
            continue
        given = draft.data[field.name]
        value = convert_or_explain(draft, (field.name,), given, field.type)
        if value is None and isinstance(field.type, type):
            with suppress(FieldFault):  # fields that do not go together: complained of already
                value = field.type(**salvage(given, field.type))
        if value is not None:
            made[field.name] = value
    return made


def _check_sections(draft: Draft) -> None:
    known = Document.__struct_fields__
    for name in draft.data:
        if name not in known:
            found = hint(name, known) or f"; expected one of {', '.join(known)}"
            draft.complain((name,), f"`{name}` is not a field here{found}")


def _resources(document: Document, draft: Draft) -> Resources:
    items: dict[tuple[Kind, str], bytes] = {}
    if "policies" in draft.data:
        items["policies", ""] = encode(document.policies)
    sections: tuple[tuple[Kind, Mapping[str, object]], ...] = (
        ("service", document.services),
        ("plan", document.plans),
        ("team", document.teams),
        ("consumer", document.consumers),
        ("pepper", document.peppers),
        ("provider", document.providers),
        ("model", document.models),
        ("route", document.routes),
    )
    for kind, section in sections:
        for name, value in section.items():
            items[kind, name] = encode(value)
    return Resources.of(items)
