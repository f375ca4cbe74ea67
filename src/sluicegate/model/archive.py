"""One call of a model as the archive keeps it: who asked what, and what was answered.

What was said is redacted before it leaves the worker. The order of the fields is the wire form (a
msgpack array): new ones go to the end.
"""

from __future__ import annotations

import msgspec


class ArchivedCall(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """Times are UTC microseconds since 1970; it is kept until `until_us`.

    `request` and `answer` are JSON. Of a stream, `answer` is a list of its parts: `choice`, `part`,
    `kind`, and `text` as one piece. None: not asked for, not there, or left out for the reason that
    `left_out` gives by name (`size`, `redaction`, `unreadable`). Sizes are bytes on the wire.
    `redacted` is how many places were. `id` is unique; `key` the public id of a key.
    """

    id: str
    at_us: int
    until_us: int
    consumer: str | None = None
    team: str | None = None
    key: str | None = None
    route: str | None = None
    model: str | None = None
    asked: str | None = None
    provider: str | None = None
    deployment: str | None = None
    dialect: str = ""
    stream: bool = False
    from_cache: bool = False
    status: int = 0
    failure: str | None = None
    request_id: str = ""
    request: str | None = None
    answer: str | None = None
    request_bytes: int = 0
    answer_bytes: int = 0
    redacted: int = 0
    left_out: dict[str, str] = {}
