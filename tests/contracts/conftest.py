"""What several contracts are played with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.state_ledgers import KINDS, Play, player
from support.valkey import Valkey
from support.valkey_cluster import Cluster, cluster


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster."""
    with cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(params=KINDS)
def play(request: pytest.FixtureRequest) -> Play:
    """Return what plays a scene with a kind of state that has a ledger."""

    def servers(kind: str) -> Valkey | Cluster:
        found: Valkey | Cluster = request.getfixturevalue("valkey" if kind == "single" else "nodes")
        return found

    return player(request.param, servers)
