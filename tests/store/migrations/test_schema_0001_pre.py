from __future__ import annotations

import asyncpg
import pytest

from sluicegate.store.engine import connector
from sluicegate.store.migrations.schema_0001_pre import POSTGRES_ARRIVE
from sluicegate.store.tables import ARRIVING, CHANNEL, LOCKS
from support.loops import run
from support.postgres import Postgres, store_settings

INSERT = """
INSERT INTO revisions VALUES
(gen_random_uuid(), 'plan', '{name}', 1, 'local', null, null, null, 'ada', 'here', 'create', 1)
"""


def test_the_trigger_takes_the_lock_and_the_channel_that_others_know() -> None:
    assert f"pg_advisory_xact_lock({LOCKS}, {ARRIVING})" in POSTGRES_ARRIVE[0]
    assert f"pg_notify('{CHANNEL}', '')" in POSTGRES_ARRIVE[0]


def test_each_revision_arrives_once_and_in_order(postgres: Postgres, postgres_url: str) -> None:
    database = postgres_url.rpartition("/")[2]
    names = [f"plan-{number}" for number in range(5)]
    postgres.execute(";".join(INSERT.format(name=name) for name in names), database)
    query = "SELECT name FROM arrivals JOIN revisions ON id = revision ORDER BY seq"
    assert postgres.execute(query, database) == [[name] for name in names]


def test_nobody_gets_a_later_number_before_the_earlier_one_can_be_seen(postgres_url: str) -> None:
    async def scenario() -> None:
        connect = connector(store_settings(postgres_url).store)
        first, second = await connect(), await connect()
        transaction = first.transaction()
        await transaction.start()
        await first.execute(INSERT.format(name="first"))
        await second.execute("SET lock_timeout = '20ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await second.execute(INSERT.format(name="second"))
        await transaction.commit()
        await second.execute(INSERT.format(name="second"))
        await first.close()
        await second.close()

    run(scenario())


def test_a_number_that_can_be_read_is_on_the_disk(postgres: Postgres, postgres_url: str) -> None:
    database = postgres_url.rpartition("/")[2]
    sql = f"""
        SET synchronous_commit = off; BEGIN; SHOW synchronous_commit; {INSERT.format(name="free")};
        SHOW synchronous_commit; COMMIT; SHOW synchronous_commit
    """
    ((told,),) = postgres.execute(sql, database)
    assert told.split() == ["off", "local", "off"]


def test_whoever_has_an_empty_search_path_can_write(postgres: Postgres, postgres_url: str) -> None:
    """As the apply worker of logical replication does."""
    database = postgres_url.rpartition("/")[2]
    insert = INSERT.format(name="free").replace("INTO revisions", "INTO public.revisions")
    postgres.execute(f"SET search_path = ''; {insert}", database)
    assert postgres.execute("SELECT count(*) FROM arrivals", database) == [["1"]]
