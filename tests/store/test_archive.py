from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.settings import Settings
from sluicegate.store.archive import sealed_as
from sluicegate.store.vault import NotOpened, Vault
from support.mock_clock import MockClock
from support.stores import opened


def test_what_is_sealed_for_one_call_opens_no_other_and_no_secret(tmp_path: Path) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(Settings(data_dir=str(tmp_path)), clock) as store:
            vault = Vault(store, {"main": b"m" * 32}, clock)
            sealed = await vault.encrypt(sealed_as("a"), "said")
            assert await vault.open(sealed_as("a"), sealed) == "said"
            for other in (sealed_as("b"), "a"):
                with pytest.raises(NotOpened):
                    await vault.open(other, sealed)

    asyncio.run(work())
