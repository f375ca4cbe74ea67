"""How servers of Redis or Valkey are written."""

from __future__ import annotations

import re

import pytest

from sluicegate.settings.redis import URL_EXPECTED, URL_PATTERN
from support.configuration import messages_of


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("memory://", True),
        ("unix:///run/valkey.sock", True),
        ("rediss+cluster://a:1,b:2", True),
        ("redis+sentinel://a:1,b:2/primary", True),
        ("redis://user:secret@a:1", False),
        ("redis://a:1?db=2", False),
        ("http://a", False),
    ],
)
def test_an_address_is_one_of_the_forms_and_holds_no_secret(url: str, *, taken: bool) -> None:
    assert (re.search(URL_PATTERN, url) is not None) is taken


@pytest.mark.parametrize("section", ["state", "cache"])
def test_every_section_that_names_servers_takes_the_same(section: str) -> None:
    found = messages_of(f"{section}: {{url: 'http://a', namespace: 'a b'}}\n")
    assert URL_EXPECTED["expected"] in found[f"{section}.url"]
    assert "1 to 32 of letters" in found[f"{section}.namespace"]
