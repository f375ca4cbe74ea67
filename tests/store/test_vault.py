from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store.contract import Author, Change, DataKey
from sluicegate.store.migrate import migrate
from sluicegate.store.open import open_store
from sluicegate.store.vault import MOST_AGE_US, MasterKeyMissing, NotOpened, Vault
from support.mock_clock import MockClock

OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}


class DataKeys:
    """Keeps wrapped data keys as the store does: rows are added, never changed."""

    def __init__(self) -> None:
        self.rows: list[DataKey] = []
        self.away = False
        self.asked = 0

    async def add_data_key(self, key: DataKey) -> None:
        if self.away:
            raise StoreAway("the store is away")
        await asyncio.sleep(0)
        self.rows.append(key)

    async def data_keys(self) -> list[DataKey]:
        if self.away:
            raise StoreAway("the store is away")
        self.asked += 1
        await asyncio.sleep(0)
        return list(self.rows)


@pytest.fixture
def store() -> DataKeys:
    return DataKeys()


def vault(
    store: DataKeys, masters: Mapping[str, bytes] = NEW, clock: MockClock | None = None
) -> Vault:
    return Vault(store, masters, clock or MockClock())


def sealed(store: DataKeys, name: str, text: str, masters: Mapping[str, bytes] = NEW) -> bytes:
    return msgspec.json.encode(asyncio.run(vault(store, masters).encrypt(name, text)))


@effort(max_examples=20)
@given(st.text(), st.text(min_size=1))
def test_what_was_sealed_opens_again_elsewhere(text: str, name: str) -> None:
    store = DataKeys()
    content = asyncio.run(vault(store).encrypt(name, text))
    assert asyncio.run(vault(store).open(name, msgspec.json.encode(content))) == text
    assert asyncio.run(vault(store).open(name, content)) == text


def test_neither_rows_nor_content_hold_what_was_sealed(store: DataKeys) -> None:
    content = sealed(store, "mail", "a-password-of-mail")
    assert b"a-password" not in content
    assert b"a-password" not in msgspec.json.encode(store.rows)
    assert set(json.loads(content)) == {"data_key", "nonce", "sealed"}
    assert "n" * 32 not in repr(vault(store))


def test_the_same_text_is_sealed_differently_each_time(store: DataKeys) -> None:
    assert sealed(store, "mail", "text") != sealed(store, "mail", "text")
    assert len(store.rows) == 1


def test_a_sealed_secret_is_of_no_use_under_another_name(store: DataKeys) -> None:
    content = sealed(store, "mail", "text")
    with pytest.raises(NotOpened, match="secret other: what is stored is not what was sealed"):
        asyncio.run(vault(store).open("other", content))


@pytest.mark.parametrize("part", ["nonce", "sealed"])
def test_a_changed_secret_does_not_open(store: DataKeys, part: str) -> None:
    content = json.loads(sealed(store, "mail", "text"))
    first = content[part][0]
    content[part] = ("B" if first == "A" else "A") + content[part][1:]
    with pytest.raises(NotOpened, match="secret mail"):
        asyncio.run(vault(store).open("mail", content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"data_key":"a","nonce":"%","sealed":""}',
        b'{"data_key":1,"nonce":"","sealed":""}',
    ],
)
def test_content_of_another_form_does_not_open(store: DataKeys, content: bytes) -> None:
    with pytest.raises(NotOpened, match="secret mail: what is stored is no sealed secret"):
        asyncio.run(vault(store).open("mail", content))


@pytest.mark.parametrize("part", ["nonce", "sealed"])
def test_an_empty_part_does_not_open(store: DataKeys, part: str) -> None:
    content = json.loads(sealed(store, "mail", "text")) | {part: ""}
    with pytest.raises(NotOpened, match="is not what was sealed"):
        asyncio.run(vault(store).open("mail", content))


def test_without_a_master_key_it_says_what_to_write(store: DataKeys) -> None:
    with pytest.raises(MasterKeyMissing, match=r"`store\.master_keys`: 32 bytes in base64"):
        asyncio.run(vault(store, {}).encrypt("mail", "text"))
    assert store.rows == []


def test_a_missing_master_key_is_named(store: DataKeys) -> None:
    content = sealed(store, "mail", "text", OLD)
    with pytest.raises(MasterKeyMissing, match=r"secret mail: .* under master key `old`"):
        asyncio.run(vault(store, NEW).open("mail", content))


def test_another_master_key_of_the_same_name_is_told_apart(store: DataKeys) -> None:
    content = sealed(store, "mail", "text", {"main": b"a" * 32})
    with pytest.raises(NotOpened, match="master key `main` is another one than wrapped"):
        asyncio.run(vault(store, {"main": b"b" * 32}).open("mail", content))


def test_a_data_key_that_opens_nowhere_does_not_keep_others_from_sealing(store: DataKeys) -> None:
    sealed(store, "mail", "text", {"main": b"a" * 32})
    ours = {"main": b"b" * 32}
    content = sealed(store, "post", "text", ours)
    assert asyncio.run(vault(store, ours).open("post", content)) == "text"


def test_a_master_key_of_another_size_is_refused(store: DataKeys) -> None:
    with pytest.raises(ValueError, match="'short' has 16 bytes; expected 32"):
        vault(store, {"short": b"s" * 16})


def test_the_first_master_key_seals_and_the_others_still_open(store: DataKeys) -> None:
    before = sealed(store, "mail", "before", OLD)
    after = sealed(store, "post", "after", NEW | OLD)
    assert asyncio.run(vault(store, NEW | OLD).open("mail", before)) == "before"
    assert asyncio.run(vault(store, NEW).open("post", after)) == "after"


def test_rotation_wraps_every_data_key_under_the_first_master_key(store: DataKeys) -> None:
    before = sealed(store, "mail", "text", OLD)
    kept = list(store.rows)
    assert asyncio.run(vault(store, NEW | OLD).rotate_master()) == 1
    assert asyncio.run(vault(store, NEW | OLD).rotate_master()) == 0
    assert asyncio.run(vault(store, NEW).open("mail", before)) == "text"
    assert store.rows[: len(kept)] == kept, "rows are added, never changed"
    assert len({row.id for row in store.rows}) == len(store.rows)


def test_rotation_wraps_what_it_can_and_names_what_it_cannot(store: DataKeys) -> None:
    lost = sealed(store, "lost", "text", {"gone": b"g" * 32})
    before = sealed(store, "mail", "text", OLD)
    with pytest.raises(MasterKeyMissing, match="`gone`"):
        asyncio.run(vault(store, NEW | OLD).rotate_master())
    assert asyncio.run(vault(store, NEW).open("mail", before)) == "text"
    with pytest.raises(MasterKeyMissing, match="`gone`"):
        asyncio.run(vault(store, NEW).open("lost", lost))


def test_a_new_data_key_seals_on_every_replica_from_then_on(store: DataKeys) -> None:
    async def scenario() -> None:
        here, there = vault(store), vault(store)
        first = (await there.encrypt("mail", "text"))["data_key"]
        made = await here.new_data_key()
        assert (await there.encrypt("mail", "text"))["data_key"] == made != first

    asyncio.run(scenario())


def test_a_new_data_key_is_the_youngest_though_the_clock_is_behind(store: DataKeys) -> None:
    async def scenario() -> None:
        ahead, behind = MockClock(), MockClock()
        ahead.advance(30)
        await vault(store, NEW, ahead).new_data_key()
        here = vault(store, NEW, behind)
        made = await here.new_data_key()
        assert (await here.encrypt("mail", "text"))["data_key"] == made

    asyncio.run(scenario())


def test_an_old_data_key_seals_no_more_and_opens_still(store: DataKeys) -> None:
    async def scenario() -> None:
        clock = MockClock()
        here = vault(store, NEW, clock)
        before = await here.encrypt("mail", "text")
        clock.advance(MOST_AGE_US / 1e6 - 1)
        assert (await here.encrypt("mail", "text"))["data_key"] == before["data_key"]
        clock.advance(1)
        assert (await here.encrypt("mail", "text"))["data_key"] != before["data_key"]
        assert await here.open("mail", before) == "text"

    asyncio.run(scenario())


def test_a_data_key_is_used_a_bounded_number_of_times(
    store: DataKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluicegate.store.vault.MOST_USES", 3)

    async def scenario() -> None:
        here = vault(store)
        used = [(await here.encrypt("mail", "text"))["data_key"] for _ in range(7)]
        assert [used.count(key) for key in dict.fromkeys(used)] == [3, 3, 1]

    asyncio.run(scenario())


def test_two_at_once_make_one_data_key(store: DataKeys) -> None:
    async def scenario() -> None:
        here = vault(store)
        await asyncio.gather(*[here.encrypt(f"s{n}", "text") for n in range(5)])
        assert len(store.rows) == 1

    asyncio.run(scenario())


def test_what_is_known_opens_while_the_store_is_away(store: DataKeys) -> None:
    async def scenario() -> None:
        here = vault(store)
        content = await here.encrypt("mail", "text")
        store.away, asked = True, store.asked
        assert await here.open("mail", content) == "text"
        assert store.asked == asked
        with pytest.raises(StoreAway):
            await vault(store).open("mail", content)
        with pytest.raises(StoreAway):
            await here.encrypt("mail", "text")
        started = vault(store)
        started.learn(here.wrapped())
        assert await started.open("mail", content) == "text"

    asyncio.run(scenario())


def test_a_data_key_that_never_arrived_is_named(store: DataKeys) -> None:
    content = sealed(store, "mail", "text")
    with pytest.raises(NotOpened, match=r"secret mail: its data key .* is not in the store"):
        asyncio.run(vault(DataKeys()).open("mail", content))


def test_on_a_real_store_data_keys_outlive_the_process_and_no_secret_is_in_the_file(
    tmp_path: Path,
) -> None:
    where = Settings(data_dir=str(tmp_path))

    async def stored() -> bytes:
        await migrate(where)
        store = open_store(where, MockClock(), Metrics())
        await store.start()
        try:
            content = msgspec.json.encode(
                await Vault(store, OLD, MockClock()).encrypt("mail", "a-password-of-mail")
            )
            author = Author("root", "test", "create")
            await store.write([Change("secret", "mail", content)], author)
            assert await Vault(store, NEW | OLD, MockClock()).rotate_master() == 1
        finally:
            await store.close()
        return content

    async def opened(content: bytes) -> str:
        store = open_store(where, MockClock(), Metrics())
        await store.start()
        try:
            return await Vault(store, NEW, MockClock()).open("mail", content)
        finally:
            await store.close()

    content = asyncio.run(stored())
    assert asyncio.run(opened(content)) == "a-password-of-mail"
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b'"sealed"' in on_disk
    assert not any(part in on_disk for part in (b"a-password", b"o" * 32, b"n" * 32))
