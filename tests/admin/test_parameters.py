from __future__ import annotations

import re
from typing import get_args

import pytest

from sluicegate.admin.parameters import MODEL_NAME, NAME, NAME_OR_NONE, refuse_other_patches
from sluicegate.errors import Refused
from sluicegate.snapshot.document import ModelName, Name


def test_names_of_the_api_are_names_of_the_document() -> None:
    assert get_args(Name)[1].pattern == NAME
    assert get_args(ModelName)[1].pattern == MODEL_NAME


@pytest.mark.parametrize("name", ["", "a/b:c@d+e", "gpt-4o", "gpt-*", "*"])
def test_a_list_goes_on_after_any_name(name: str) -> None:
    assert re.match(NAME_OR_NONE, name)
    assert not any(re.match(NAME_OR_NONE, name + more) for more in ("**", "\n", "* "))


def test_a_patch_is_a_merge_patch() -> None:
    refuse_other_patches("application/merge-patch+json")
    refuse_other_patches("Application/Merge-Patch+JSON; charset=utf-8")
    for other in (None, "", "application/json", "application/json-patch+json"):
        with pytest.raises(Refused):
            refuse_other_patches(other)
