from __future__ import annotations

import asyncio

import pytest

from sluicegate.journey.cache.keys import Keys, check_names
from sluicegate.model.resource import FieldFault
from support.cached_calls import call
from support.exchanges import exchange


def test_calls_and_resources_have_keys_of_their_own() -> None:
    keys = Keys(["Accept-Language", "accept-language"], shared=False, tools=False)
    found = [asyncio.run(keys.of(asked)) for asked in (exchange(), call(), exchange("POST"))]
    assert found[0] not in (None, found[1])
    assert found[1] is not None
    assert found[2] is None
    assert keys.known.count(b"accept-language") == 1


@pytest.mark.parametrize("name", ["", "a b", "a:", "naïve", "a\n"])
def test_what_is_no_name_of_a_header_is_refused(name: str) -> None:
    with pytest.raises(FieldFault, match="expected the name of a header") as raised:
        check_names(["ok", name])
    assert raised.value.part == ("vary", 1)
