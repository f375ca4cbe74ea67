"""How much the tests try: what is enough for every change, or with `THOROUGH=1` much more.

    THOROUGH=1 make test ARGS=tests/upstream

runs every seed of a simulation, ten times the examples, and every scenario of tests/chaos.
"""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
EXAMPLES = 1000 if THOROUGH else 100
"""Of a property that does not say so itself."""


def seeds(count: int) -> list[int]:
    """Return seeds for a simulation that is the same for the same seed: one, or all `count`."""
    return list(range(1, (count if THOROUGH else 1) + 1))
