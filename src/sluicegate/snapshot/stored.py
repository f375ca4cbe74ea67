"""What is stored of a resource: canonical JSON of it as it was written, references unresolved.

Canonical is UTF-8, keys sorted, no spaces (in the manner of RFC 8785, with numbers as Python writes
them). What is read is strict: RFC 8259, no name twice in an object, no NaN, no half of a surrogate
pair, and bounded in size and depth.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.places import Place, place_of, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sluicegate.snapshot.document import Kind

MAX_BYTES = 2**20
"""Of one resource. Kubernetes and etcd hold 1.5 MiB at most."""
MAX_DEPTH = 64
MAX_DIGITS = 40

SECTIONS: Final[Mapping[Kind, str]] = {
    "service": "services",
    "plan": "plans",
    "team": "teams",
    "consumer": "consumers",
    "provider": "providers",
    "model": "models",
    "route": "routes",
    "policies": "policies",
}
"""Where in a document the resources of a kind stand."""
PLURALS: Final[Mapping[str, str]] = {
    **{str(kind): section for kind, section in SECTIONS.items()},
    "key": "keys",
    "secret": "secrets",
    "token": "tokens",
}
"""What everything that is stored is called in paths, and at the root of a document."""
KINDS: Final[Mapping[str, Kind]] = {section: kind for kind, section in SECTIONS.items()}
FUSED: Final[tuple[Kind, ...]] = (
    "service", "policies", "plan", "team", "provider", "model", "route"
)  # fmt: skip
"""Kinds that are stored and run beside those of a file; none names one of a later kind."""


def place_in_document(kind: Kind | Literal["key"], name: str) -> Place:
    """Return where a resource stands: `policies` have no name, `keys` only stored ones."""
    if kind == "policies":
        return ("policies",)
    return ("keys" if kind == "key" else SECTIONS[kind], name)


def item_of(path: str) -> tuple[Kind, str] | None:
    """Return the resource that a fault's path leads into; None where it leads into none."""
    place = place_of(path)
    kind = KINDS.get(str(place[0])) if place else None
    if kind == "policies":
        return kind, ""
    return None if kind is None or len(place) == 1 else (kind, str(place[1]))


class _Twice(dict[str, Any]):
    """An object in which a name is twice: the first such."""

    name = ""


def read(raw: bytes, place: Place = (), max_bytes: int = MAX_BYTES) -> Any:  # noqa: ANN401 - plain data
    """Read JSON of up to `max_bytes`. Raises ConfigError with one fault; paths begin with `place`.

    Other threads run meanwhile: the interpreter's lock is free for a moment after each object.
    """
    doubled: list[_Twice] = []

    def refuse(message: str, where: Place = place) -> NoReturn:
        raise ConfigError([Fault(written(where), 0, message)])

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            refuse(f"found a number of {len(digits)} digits; expected at most {MAX_DIGITS}")
        return int(digits)

    if len(raw) > max_bytes:
        refuse(f"found {len(raw)} bytes; expected at most {max_bytes}")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=lambda pairs: _members(pairs, doubled),
            parse_int=integer,
            parse_constant=lambda word: refuse(f"`{word}` is no number of JSON"),
        )
        where = _twice(value, place) if doubled else None
    except UnicodeDecodeError as error:
        refuse(f"byte 0x{raw[error.start]:02x} is not UTF-8; expected UTF-8 text")
    except json.JSONDecodeError as error:
        refuse(f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})")
    except RecursionError:
        refuse(f"nested too deep; expected at most {MAX_DEPTH} levels")
    if where is not None:
        message = f"not valid JSON: {json.dumps(where[-1])} is here twice in one object"
        refuse(message, where)
    return value


def _members(pairs: list[tuple[str, Any]], doubled: list[_Twice]) -> dict[str, Any]:
    """Return an object; one with a name twice in it is put to `doubled` too."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twice = _Twice(made)
    twice.name = _first_again(name for name, _ in pairs)
    doubled.append(twice)
    return twice


def _first_again(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _twice(value: object, place: Place) -> Place | None:
    """Return where a name is in one object for the second time, None where none is."""
    if isinstance(value, _Twice):
        return (*place, value.name)
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    found = (_twice(held, (*place, step)) for step, held in steps)
    return next((where for where in found if where is not None), None)


def canonical(value: object, place: Place = ()) -> bytes:
    """Write plain data down. Raises ConfigError for what JSON cannot say; paths as in `read`."""
    faults: list[Fault] = []
    _look(value, place, 0, faults)
    if not faults:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        raw = text.encode()
        if len(raw) <= MAX_BYTES:
            return raw
        message = f"found {len(raw)} bytes; expected at most {MAX_BYTES}"
        faults.append(Fault(written(place), 0, message))
    raise ConfigError(faults)


def _look(value: object, place: Place, depth: int, faults: list[Fault]) -> None:
    if depth > MAX_DEPTH:
        faults.append(
            Fault(written(place), 0, f"nested too deep; expected at most {MAX_DEPTH} levels")
        )
    elif isinstance(value, dict):
        for name, held in value.items():
            if isinstance(name, str) and _is_text(name):
                _look(held, (*place, name), depth + 1, faults)
            else:
                faults.append(Fault(written(place), 0, f"{name!r} is not a name; expected text"))
    elif isinstance(value, list):
        for position, held in enumerate(value):
            _look(held, (*place, position), depth + 1, faults)
    else:
        message = _unwritable(value)
        if message is not None:
            faults.append(Fault(written(place), 0, message))


def _unwritable(value: object) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else "half of a surrogate pair; expected Unicode text"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) < 10**MAX_DIGITS else "the number is too large"
    if isinstance(value, float):
        return None if math.isfinite(value) else "not a number of JSON"
    return f"{type(value).__name__} is not of JSON"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
