from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.segments import SLASH, decoded, restored
from sluicegate.errors import Refused

names = st.text("abc019._:@/+-", min_size=1)


@given(names)
def test_a_name_comes_out_as_it_was_whatever_is_in_it(name: str) -> None:
    path = decoded(f"/admin/v1/routes/{quote(name, safe='')}/history")
    assert path.count("/") == 5
    assert restored(path.split("/")[4]) == name


def test_an_escaped_slash_is_not_one_between_segments() -> None:
    assert decoded("/a%2Fb/c") == f"/a{SLASH}b/c"


@pytest.mark.parametrize("path", ["/%FF", "/%C3", "/a/%EE%80%80"])
def test_what_no_name_can_be_is_refused(path: str) -> None:
    with pytest.raises(Refused) as refused:
        decoded(path)
    assert refused.value.problem.status == 400
