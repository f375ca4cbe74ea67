"""From settings and a file to a keeper, and from a keeper to the admin API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sluicegate.admin.app import Frame, build
from sluicegate.admin.bridge import Bridge
from sluicegate.admin.controllers import controllers
from sluicegate.errors import ConfigError
from sluicegate.process.fitting import Fitting
from sluicegate.process.keeper import Keeper
from sluicegate.process.trial import Trial
from sluicegate.snapshot.document import Resources, encode, peppers_of
from sluicegate.snapshot.fusion import Fusion
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.state.shelf import open_shelf
from sluicegate.store.bootstrap import (
    first_token,
    local_peppers,
    master_keys,
    secret_faults,
    token_file,
)
from sluicegate.store.kept import Kept
from sluicegate.store.open import open_store
from sluicegate.store.seal import Seal
from sluicegate.store.vault import Vault

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.process.keeper import Replica
    from sluicegate.settings import Settings
    from sluicegate.state.shelf import Shelf
    from sluicegate.store.contract import Store


class Secrets(NamedTuple):
    """What a replica keeps secret; `own_peppers` were made here, because the file has none."""

    peppers: dict[str, str]
    own_peppers: dict[str, str]
    master_keys: dict[str, bytes]

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Secrets(peppers={list(self.peppers)}, master_keys={list(self.master_keys)})"

    @classmethod
    def of(cls, settings: Settings, file: Resources) -> Secrets:
        """Read files, and make those that a first start with SQLite needs.

        Raises ConfigError for what cannot be made, and for what PostgreSQL needs and nobody gave.
        """
        declared = peppers_of(file)
        own = local_peppers(settings, needed=not declared)
        faults = secret_faults(settings, {**own, **declared})
        if faults:
            raise ConfigError(faults)
        if settings.store.url.startswith("sqlite:"):
            first_token(settings)
        return cls({**declared, **own, **declared}, own, master_keys(settings))


class Keeping:
    """What a keeper works with. Needs a running loop."""

    def __init__(
        self, settings: Settings, secrets: Secrets, clock: Clock, metrics: Metrics
    ) -> None:
        """Build everything; nothing is connected yet. Raises ConfigError for files of TLS."""
        self._own_peppers = secrets.own_peppers
        self._metrics = metrics
        self.store: Store = open_store(settings, clock, metrics)
        self.vault = Vault(self.store, secrets.master_keys, clock)
        self.shelf: Shelf | None = open_shelf(settings.state, clock, metrics)
        seal = Seal(secrets.peppers, metrics)
        self.kept = Kept(self.shelf, Path(settings.data_dir), seal, clock, metrics)
        self._trial = Trial(settings, clock, PolicyCatalog())
        self.fitting = Fitting(Fusion(PolicyCatalog(), settings), self._trial.compile)

    def beside_own(self, file: Resources) -> Resources:
        """Return what a file declares, and after its peppers the one that was made."""
        if not self._own_peppers.keys() - peppers_of(file).keys():
            return file
        own = {("pepper", name): encode(text) for name, text in self._own_peppers.items()}
        return Resources.of({**file.items, **own, **file.items})  # type: ignore[dict-item]  # "pepper" is a Kind

    def take_peppers(self, file: Resources) -> None:
        """Sign under the peppers that there are now."""
        self.kept.seal = Seal(peppers_of(file), self._metrics)

    async def start(self) -> None:
        """Connect; SQLite gets its schema. Raises StoreAway, SchemaMismatch; may be repeated."""
        await self.store.start()

    async def close(self) -> None:
        """Let go of everything, in reverse."""
        await self._trial.close()
        await self.kept.close()
        if self.shelf is not None:
            self.shelf.close()
        await self.store.close()


async def open_keeper(
    settings: Settings, clock: Clock, metrics: Metrics, file: Resources, replica: Replica
) -> Keeper:
    """Build a keeper; `await keeper.start(file)` begins. Raises ConfigError."""
    secrets = await asyncio.to_thread(Secrets.of, settings, file)
    parts = Keeping(settings, secrets, clock, metrics)
    return Keeper(settings, parts, clock, metrics, replica)


def administration(keeper: Keeper, settings: Settings, clock: Clock, metrics: Metrics) -> Bridge:
    """Return the admin API, ready for the management port."""
    frame = Frame(
        clock=clock,
        metrics=metrics,
        token_file=token_file(settings),
        plain=settings.admin.plain,
    )
    api = build(keeper, controllers(), frame)
    keeper.on_tokens = api.forget
    return Bridge(api)
