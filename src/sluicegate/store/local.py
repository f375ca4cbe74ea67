"""What belongs to one server and may change: answers, replicas, and when keys were used last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import bindparam, delete, select

from sluicegate.store.contract import Answer, DataKey, ReplicaRow
from sluicegate.store.tables import answers, data_keys, replicas, uses

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Delete, Row, Select, Table
    from sqlalchemy.dialects import postgresql, sqlite

    from sluicegate.store.queries import OneOf
    from sluicegate.store.server import Insert

DAY_US: Final = 86_400_000_000
ANSWERED_US: Final = DAY_US
"""How long an answer is known by its idempotency key. Stripe's API: a day at least."""
SEEN_US: Final = DAY_US
"""How long a replica that says nothing any more is kept."""


def keep_answer(
    insert: Insert, actor: str, key: str, answer: Answer, wall_us: int
) -> sqlite.Insert | postgresql.Insert:
    """Keep an answer, unless there is one that still holds: the first one was given."""
    statement = insert(answers).values(
        actor=actor,
        key=key,
        request=answer.request,
        status=answer.status,
        headers=msgspec.json.encode(answer.headers).decode(),
        body=answer.body,
        at_us=wall_us,
    )
    changed = {name: statement.excluded[name] for name in _others(answers)}
    return statement.on_conflict_do_update(
        index_elements=[answers.c.actor, answers.c.key],
        set_=changed,
        where=answers.c.at_us <= wall_us - ANSWERED_US,
    )


def answer(actor: str, key: str, wall_us: int) -> Select[Any]:
    """Ask for an answer that still holds."""
    return select(answers).where(
        answers.c.actor == actor, answers.c.key == key, answers.c.at_us > wall_us - ANSWERED_US
    )


def answer_of(row: Row[Any]) -> Answer:
    """Make an answer of its row."""
    headers = msgspec.json.decode(row.headers, type=dict[str, str])
    return Answer(request=row.request, status=row.status, headers=headers, body=bytes(row.body))


def keep_replica(insert: Insert, replica: ReplicaRow) -> sqlite.Insert | postgresql.Insert:
    """Keep what a replica said last."""
    statement = insert(replicas).values(**msgspec.structs.asdict(replica))
    changed = {name: statement.excluded[name] for name in _others(replicas)}
    return statement.on_conflict_do_update(index_elements=[replicas.c.replica], set_=changed)


def replicas_since(since_us: int) -> Select[Any]:
    """Ask for replicas seen since then, by name."""
    seen = select(replicas).where(replicas.c.seen_us >= since_us)
    return seen.order_by(replicas.c.replica)


def replica_of(row: Row[Any]) -> ReplicaRow:
    """Make a replica of its row."""
    return ReplicaRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def keep_use(insert: Insert) -> sqlite.Insert | postgresql.Insert:
    """Keep when the key `:key` was used, `:at_us`; a later time that is there stays."""
    statement = insert(uses).values(key=bindparam("key"), at_us=bindparam("at_us"))
    return statement.on_conflict_do_update(
        index_elements=[uses.c.key],
        set_={"at_us": statement.excluded.at_us},
        where=uses.c.at_us < statement.excluded.at_us,
    )


def used_keys(keys: Collection[str], one_of: OneOf) -> Select[Any]:
    """Ask when keys were used last."""
    return select(uses.c.key, uses.c.at_us).where(one_of(uses.c.key, keys))


def forgotten(wall_us: int) -> tuple[Delete, Delete]:
    """Forget answers and replicas that are too old."""
    return (
        delete(answers).where(answers.c.at_us <= wall_us - ANSWERED_US),
        delete(replicas).where(replicas.c.seen_us <= wall_us - SEEN_US),
    )


def all_data_keys() -> Select[Any]:
    """Ask for all wrapped data keys, oldest first."""
    return select(data_keys).order_by(data_keys.c.at_us, data_keys.c.id)


def data_key_of(row: Row[Any]) -> DataKey:
    """Make a data key of its row."""
    return DataKey(row.id, row.key, row.master, bytes(row.wrapped), row.at_us)


def row_of_data_key(key: DataKey) -> dict[str, Any]:
    """Return a data key as a row of `data_keys`."""
    return msgspec.structs.asdict(key)


def _others(table: Table) -> list[str]:
    """Return the columns that are not in the primary key."""
    return [column.name for column in table.columns if not column.primary_key]
