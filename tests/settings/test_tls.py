from __future__ import annotations

import msgspec
import pytest

from sluicegate.settings import StateTls
from sluicegate.settings.store import StoreTls


@pytest.mark.parametrize("kind", [StateTls, StoreTls])
def test_state_and_store_take_the_same_files_and_nothing_unknown(kind: type) -> None:
    files = {"ca": "ca.pem", "certificate": "our.pem", "key": "our.key"}
    made = msgspec.convert(files, kind)
    assert (made.ca, made.certificate, made.key) == ("ca.pem", "our.pem", "our.key")
    assert kind().ca is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"cert": "our.pem"}, kind)
