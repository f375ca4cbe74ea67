from __future__ import annotations

import socket
import threading
from pathlib import Path

from sluicegate.errors import Fault
from sluicegate.process.channel import Frames, encode
from sluicegate.process.loader import Loading, serve
from sluicegate.process.messages import (
    AnyMessage,
    Begin,
    End,
    Fetch,
    Loaded,
    Locate,
    Located,
    Put,
    Unusable,
)
from sluicegate.process.transfer import unpack_settings

SERVICE = "services:\n  s: {targets: ['http://127.0.0.1:9']}\n"


def route(name: str, path: str) -> str:
    return f"  {name}: {{match: {{path: {path}}}, service: s}}\n"


def answer(loading: Loading, number: int = 1) -> list[AnyMessage]:
    return Frames().feed(b"".join(loading.answer(Fetch(number))))


def test_it_answers_with_settings_then_resources(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text(SERVICE + "routes:\n" + route("a", "/a"))
    head, begin, *puts, end = answer(Loading(file, {"SLUICEGATE_REGION_NAME": "north"}), 7)
    assert isinstance(head, Loaded)
    assert unpack_settings(head.settings).region.name == "north"
    assert isinstance(begin, Begin)
    assert begin.whole
    assert {(put.kind, put.name) for put in puts if isinstance(put, Put)} >= {
        ("route", "a"),
        ("service", "s"),
    }
    assert end == End(7)


def test_the_second_answer_holds_only_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text(SERVICE + "routes:\n" + route("a", "/a") + route("b", "/b"))
    loading = Loading(file, {})
    answer(loading)
    file.write_text(SERVICE + "routes:\n" + route("a", "/a") + route("b", "/changed"))
    changed = [message for message in answer(loading) if isinstance(message, Put)]
    assert [(put.kind, put.name) for put in changed] == [("route", "b")]


def test_faults_are_the_answer_to_a_broken_file_and_the_next_one_is_complete(
    tmp_path: Path,
) -> None:
    file = tmp_path / "application.yml"
    file.write_text("routes: 5\n")
    loading = Loading(file, {})
    (unusable,) = answer(loading)
    assert isinstance(unusable, Unusable)
    assert unusable.faults[0].line == 1
    file.write_text(SERVICE + "routes:\n" + route("a", "/a"))
    assert isinstance(answer(loading)[0], Loaded)


def test_it_serves_until_the_other_side_closes(tmp_path: Path) -> None:
    file: Path = tmp_path / "application.yml"
    file.write_text(SERVICE + "routes:\n" + route("a", "/a"))
    ours, theirs = socket.socketpair()
    with theirs:
        thread = threading.Thread(target=serve, args=(theirs, Loading(file, {})))
        thread.start()
        frames, found = Frames(), []
        with ours:
            ours.settimeout(10)
            ours.sendall(encode(Fetch(3)))
            while End(3) not in found:
                found += frames.feed(ours.recv(65536))
        thread.join(10)
    assert not thread.is_alive()


def test_faults_that_are_found_after_loading_get_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text(SERVICE + "routes:\n" + route("a", "/a") + route("b", "/b"))
    loading = Loading(file, {})
    fault = Fault("routes.b.match", 0, "late")
    answer(loading)
    assert Frames().feed(b"".join(loading.locate(Locate([fault])))) == [
        Located([Fault("routes.b.match", 5, "late")])
    ]


def test_without_a_loaded_file_faults_stay_as_they_are(tmp_path: Path) -> None:
    fault = Fault("routes.b.match", 0, "late")
    located = Loading(tmp_path / "missing.yml", {}).locate(Locate([fault]))
    assert Frames().feed(b"".join(located)) == [Located([fault])]
