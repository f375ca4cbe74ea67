from __future__ import annotations

import re
from typing import get_args

import pytest

from sluicegate.errors import Fault
from sluicegate.metrics import Metrics
from sluicegate.process import messages
from sluicegate.process.channel import Frames, encode
from sluicegate.process.status import ReloadStatus, Status, WorkerStatus
from sluicegate.upstream.health.news import News

FAULT = Fault("routes.a", 3, "wrong")
STATUS = Status(
    live=True,
    ready=False,
    draining=False,
    revision="r",
    workers=[WorkerStatus(0, "ready", 1, "r", 2, 3)],
    reload=ReloadStatus("failure", 5, [FAULT]),
)


def dump() -> list[object]:
    metrics = Metrics()
    metrics.family("seconds", "histogram", "Time.", ("route",)).histogram("a").observe(0.3)
    return list(metrics.dump())


@pytest.mark.parametrize(
    "message",
    [
        messages.Start(b"settings", 1, [3, 4], 1.0, 10.0, 5),
        messages.Applied(1, None, [FAULT]),
        messages.Told(News("s", "10.0.0.1:80", "out", "open", 30.5, unreachable=True)),
        messages.Scraped(1, dump()),
        messages.Reported(1, STATUS),
        messages.Cut(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_arrives_as_it_was_sent(message: messages.Message) -> None:
    assert Frames().feed(encode(message)) == [message]


def test_the_page_that_explains_the_messages_names_every_one() -> None:
    assert messages.__doc__ is not None
    named = set(re.findall(r"[A-Z]\w+", messages.__doc__))
    assert {kind.__name__ for kind in get_args(messages.AnyMessage)} <= named
