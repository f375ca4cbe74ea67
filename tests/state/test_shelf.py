from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.settings import State
from sluicegate.state.redis.shelf import RedisShelf
from sluicegate.state.shelf import open_shelf


def test_memory_has_no_shelf() -> None:
    assert open_shelf(State(), Clock(), Metrics()) is None


def test_every_other_state_has_one() -> None:
    for url in ("redis://a", "unix:///run/a", "redis+sentinel://a/main", "redis+cluster://a,b"):
        assert isinstance(open_shelf(State(url=url), Clock(), Metrics()), RedisShelf)
