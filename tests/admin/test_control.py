from __future__ import annotations

import inspect

import pytest

from sluicegate.admin.control import Control
from sluicegate.process.keeper import Keeper
from support.admin import Desk

METHODS = [name for name in vars(Control) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", [Keeper, Desk], ids=["the keeper", "that of tests"])
def test_every_control_takes_what_the_protocol_says(kind: type, name: str) -> None:
    wanted, made = inspect.getattr_static(Control, name), getattr(kind, name, None)
    if callable(wanted):
        assert list(inspect.signature(made).parameters) == list(
            inspect.signature(wanted).parameters
        )
        assert inspect.iscoroutinefunction(made) is inspect.iscoroutinefunction(wanted)
    else:
        assert made is None or isinstance(made, property)  # or an attribute of each object
