from __future__ import annotations

import pytest

from sluicegate.llm.dialect import Incoming
from sluicegate.llm.failure import CallError, Malformed
from sluicegate.llm.losses import Losses
from sluicegate.llm.untranslated import Untranslated
from support.llm_samples import answers, request


class Sample(Untranslated):
    name = "sample"


def test_nothing_is_translated_from_it_or_into_it() -> None:
    sample = Sample()
    for call in (
        lambda: sample.read_request(Incoming(b"{}")),
        lambda: sample.write_request(request(), Losses({}, "sample")),
        lambda: sample.write_answer(answers()["text"], request()),
    ):
        with pytest.raises(CallError, match="no deployment speaks sample") as caught:
            call()
        assert caught.value.failure.kind == "unsupported"
        assert caught.value.failure.field == "model"
    with pytest.raises(Malformed):
        sample.read_answer(b"{}")
