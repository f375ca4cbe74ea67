"""Entries of one region, of a store that has those of several."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from sluicegate.settings import Settings
from sluicegate.store.of_region import OfRegion
from support.entries import Entries
from support.loops import run
from support.mock_clock import EPOCH_US
from support.stores import opened

EVER = 2**52


def test_what_other_regions_have_let_through_is_not_spent_here(tmp_path: Path) -> None:
    async def work() -> None:
        make = Entries()
        here, there = (
            replace(make(EPOCH_US), consumer="ann", cost=cost, region=region)
            for cost, region in ((5, "eu"), (70, "us"))
        )
        async with opened(Settings(data_dir=str(tmp_path))) as store:
            await store.ledger.book([here, there])
            assert await store.ledger.spent({"consumer": "ann"}, 0, EVER) == 75
            eu = OfRegion(store.ledger, "eu")
            assert await eu.spent({"consumer": "ann"}, 0, EVER) == 5
            assert [each.id for each in await eu.entries(0, EVER, {"consumer": "ann"})] == [here.id]

    run(work())
