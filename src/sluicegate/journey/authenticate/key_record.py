"""What a valid key says about its bearer, ready for the request that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sluicegate.journey.authenticate.restriction import restriction_of
from sluicegate.model.name_pattern import read_patterns

if TYPE_CHECKING:
    from sluicegate.journey.authenticate.restriction import Restriction
    from sluicegate.model.consumer import Consumer, Key
    from sluicegate.model.name_pattern import NamePattern

CONSUMER_HEADER: Final = b"sluicegate-consumer"


class KeyRecord:
    """Whose a key is, and what may be done with it.

    `consumer` has no keys in it. `key_id` is short, no secret, and the same on every replica.
    `told` is the header for the target. `restriction` is None where nothing restricts the key.
    """

    __slots__ = (
        "consumer", "consumer_name", "key_id", "models", "plan", "restriction", "scopes", "told",
    )  # fmt: skip

    def __init__(
        self,
        consumer_name: str,
        consumer: Consumer,
        plan: str | None,
        key_id: str,
        scopes: tuple[str, ...] = (),
        restriction: Restriction | None = None,
        models: tuple[NamePattern, ...] = (),
    ) -> None:
        """`plan` is the one that holds for requests with this key; `models` the only ones."""
        self.consumer_name = consumer_name
        self.consumer = consumer
        self.plan = plan
        self.key_id = key_id
        self.scopes = scopes
        self.restriction = restriction
        self.models = models
        plain = consumer_name.isascii() and consumer_name.isprintable()
        self.told = (
            CONSUMER_HEADER,
            (consumer_name if plain else quote(consumer_name)).encode(),
        )


def record_of(
    key: Key, key_id: str, name: str, bearer: Consumer, team_plan: str | None
) -> KeyRecord:
    """Make the record of a key of the consumer `name`. Raises FieldFault.

    The key's plan wins over its consumer's, and that one over `team_plan`, that of their team.
    """
    plan = key.plan or bearer.plan or team_plan
    models = read_patterns(key.models, "models")
    return KeyRecord(name, bearer, plan, key_id, tuple(key.scopes), restriction_of(key), models)
