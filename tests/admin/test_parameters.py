from __future__ import annotations

from typing import get_args

import pytest

from sluicegate.admin.parameters import NAME, refuse_other_patches
from sluicegate.errors import Refused
from sluicegate.snapshot.document import Name


def test_names_of_the_api_are_names_of_the_document() -> None:
    assert get_args(Name)[1].pattern == NAME


def test_a_patch_is_a_merge_patch() -> None:
    refuse_other_patches("application/merge-patch+json")
    refuse_other_patches("Application/Merge-Patch+JSON; charset=utf-8")
    for other in (None, "", "application/json", "application/json-patch+json"):
        with pytest.raises(Refused):
            refuse_other_patches(other)
