"""Every official SDK to every dialect of provider: docs/sdks.md, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.sdk_matrix import (
    CALLERS,
    DIALECTS,
    FAILURES,
    OF_THE_GATEWAY,
    PAGE,
    SCENARIOS,
    World,
    break_off,
    deny,
    fail,
    has_failure,
    leave,
    play,
    world,
    written,
)
from support.sdk_matrix_said import Caller, has_word

EACH_DIALECT = pytest.mark.parametrize("dialect", DIALECTS)
WHOLE_OR_NOT = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sdks")) as made:
        yield made


@pytest.fixture(params=[each.dialect for each in CALLERS], ids=[each.name for each in CALLERS])
def caller(request: pytest.FixtureRequest, running: World) -> Caller:
    return running.callers[request.param]


@EACH_DIALECT
@WHOLE_OR_NOT
def test_every_sdk_asks_every_dialect_for_everything_and_reads_what_was_said(
    running: World, caller: Caller, dialect: str, *, stream: bool
) -> None:
    for scenario in SCENARIOS:
        if has_word(caller, scenario):
            play(running, caller, dialect, scenario, stream=stream)


@EACH_DIALECT
@WHOLE_OR_NOT
def test_every_sdk_raises_its_own_class_for_what_goes_wrong_at_the_provider(
    caller: Caller, dialect: str, *, stream: bool
) -> None:
    for kind in FAILURES:
        if has_failure(dialect, kind):
            fail(caller, dialect, kind, stream=stream)


@EACH_DIALECT
def test_a_stream_that_fails_in_its_middle_raises_and_is_never_taken_for_whole(
    running: World, caller: Caller, dialect: str
) -> None:
    break_off(running, caller, dialect)


@WHOLE_OR_NOT
def test_every_sdk_raises_its_own_class_for_what_the_gateway_refuses(
    running: World, caller: Caller, *, stream: bool
) -> None:
    for kind in OF_THE_GATEWAY:
        deny(running, caller, kind, "openai_chat", stream=stream)


@EACH_DIALECT
@WHOLE_OR_NOT
def test_a_caller_that_leaves_ends_the_call_at_the_provider(
    running: World, caller: Caller, dialect: str, *, stream: bool
) -> None:
    leave(running, caller, dialect, stream=stream)


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text() == written()
