"""What management asks of the ledger that waits in the state."""

from __future__ import annotations

import inspect

import pytest

from sluicegate.state.ledger import Ledger
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.redis.ledger import RedisLedger

CALLS = [name for name in vars(Ledger) if not name.startswith("_")]


@pytest.mark.parametrize("kind", [RedisLedger, LedgerInMemory])
@pytest.mark.parametrize("name", CALLS)
def test_every_ledger_is_asked_in_the_same_words(kind: type[Ledger], name: str) -> None:
    asked, answers = getattr(Ledger, name), getattr(kind, name)
    assert inspect.signature(answers).parameters == inspect.signature(asked).parameters
    assert inspect.iscoroutinefunction(answers) == inspect.iscoroutinefunction(asked)
