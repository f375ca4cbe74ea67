"""Which model an asked name is, and which model is asked instead."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from sluicegate.model.model import REPLACED

if TYPE_CHECKING:
    from sluicegate.upstream.models.pool import ModelPool

UNAVAILABLE: Final = "unavailable"
"""Nobody could be asked: as good as any failure that makes a deployment rest."""
SAME: Final = {"permission": "authentication"}
"""Failures that settings have no word of their own for."""


class ModelTable:
    """The models of a snapshot, by name. Immutable."""

    __slots__ = ("_exact", "_prefixes", "pools")

    def __init__(self, pools: Mapping[str, ModelPool]) -> None:
        """Names that end in `*` stand for all that begin so."""
        self.pools = dict(pools)
        self._exact = {name: pool for name, pool in self.pools.items() if not name.endswith("*")}
        prefixes = [(name[:-1], pool) for name, pool in self.pools.items() if name.endswith("*")]
        self._prefixes = sorted(prefixes, key=lambda each: -len(each[0]))

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self.pools)

    def find(self, asked: str) -> ModelPool | None:
        """Return the model of this name: the exact one, else that of the longest beginning."""
        found = self._exact.get(asked)
        if found is None:
            for prefix, pool in self._prefixes:
                if asked.startswith(prefix):
                    return pool
        return found

    def names(self) -> Iterable[str]:
        """Return the names that can be asked for as they stand, in their order."""
        return self._exact

    def next_model(self, pool: ModelPool, kind: str, tried: Container[str] = ()) -> str | None:
        """Return the name of the model to ask after a failure of `kind`; None where there is none.

        The first of the fallbacks of `pool`, the model that was asked for, that takes such a
        failure and is not in `tried`. Pure. `find` says what is behind the name.
        """
        word = SAME.get(kind, kind)
        for fallback in pool.config.fallbacks:
            if word == UNAVAILABLE:
                fits = not set(fallback.on).isdisjoint(REPLACED)
            else:
                fits = word in fallback.on
            if fits and fallback.model not in tried and self.find(fallback.model) is not None:
                return fallback.model
        return None
