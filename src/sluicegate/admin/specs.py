"""What a body says that a resource is to be: read strictly, checked alone, in canonical form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from sluicegate.admin.parameters import MODEL_NAME, NAME
from sluicegate.admin.problems import Invalid, invalid
from sluicegate.admin.representation import SECTIONS, SOLE
from sluicegate.errors import BAD_CONTENT, ConfigError, Refused
from sluicegate.snapshot import stored
from sluicegate.snapshot.places import written

if TYPE_CHECKING:
    from sluicegate.admin.control import Control

EXPECTED: Final = "expected up to 128 letters, digits and `_.:@/+-`, a letter, digit or `_` first"
EXPECTED_OF_MODEL: Final = EXPECTED + ", and `*` only at the end"

EXPECTED_TIME: Final = "expected a time such as 2027-01-31T00:00:00Z"


class _Body(msgspec.Struct):
    spec: msgspec.Raw


class _Expiring(msgspec.Struct):
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


def canonical(control: Control, kind: str, name: str, spec: object) -> bytes:
    """Return the canonical JSON of a spec: JSON (bytes), or what it stands for. Raises Invalid."""
    made = control.parse_spec(kind, spec, name)
    if isinstance(made, bytes):
        return made
    raise Invalid(made)


def expires_in(body: bytes) -> datetime | None:
    """Return `expires` of a body, None for never.

    Raises Invalid for what is no text of RFC 3339, and for a time that the calendar of UTC has
    not. Litestar would take a bare number for a time.
    """
    try:
        expires = msgspec.json.decode(body, type=_Expiring).expires
        if expires is not None:
            expires.astimezone(UTC)
    except (msgspec.MsgspecError, OverflowError, RecursionError):
        raise invalid("expires", EXPECTED_TIME) from None
    return expires


def plain(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON strictly. Raises Invalid."""
    try:
        return stored.read(raw)
    except ConfigError as error:
        raise Invalid(error.faults) from None


def spec_in(body: bytes) -> bytes:
    """Return the JSON of the member `spec` of a body, as it was written."""
    try:
        return bytes(msgspec.json.decode(body, type=_Body).spec)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refused(BAD_CONTENT, "expected an object with `spec`") from error


def check_name(kind: str, name: str) -> None:
    """Raise Invalid for what cannot be a name. Of `policies` there is one, without a name."""
    if kind == "policies" and name == SOLE:
        return
    pattern, expected = (MODEL_NAME, EXPECTED_OF_MODEL) if kind == "model" else (NAME, EXPECTED)
    if not re.match(pattern, name):
        raise invalid(written((SECTIONS[kind], name)), expected)
