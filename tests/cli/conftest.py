"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.command_line import Administered, administered


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    """Return an admin API for one file of tests, which has what others of the file left in it."""
    with administered(tmp_path_factory.mktemp("admin")) as served:
        yield served
