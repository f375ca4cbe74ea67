from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.process.board import Board
from sluicegate.upstream.health.news import News

OUT = News("s", "a", "out", "open", 30.0, unreachable=True)
DOWN = News("s", "a", "down")
UP = News("s", "a", "up")
BACK = News("s", "a", "back")


def held(board: Board, now: float) -> list[tuple[str, float]]:
    return [(news.event, news.seconds) for news in board.current(now)]


def test_what_is_left_out_is_held_with_the_time_that_is_left() -> None:
    board = Board()
    board.heard(OUT, 100)
    assert board.current(110) == [News("s", "a", "out", "open", 20.0, unreachable=True)]
    assert board.current(130) == []


def test_what_is_back_is_not_held_any_more_and_what_is_down_is() -> None:
    board = Board()
    board.heard(OUT, 100)
    board.heard(DOWN, 100)
    board.heard(BACK, 101)
    assert board.current(101) == [DOWN]
    assert board.current(10**6) == [DOWN]


def test_what_is_up_is_neither_down_nor_left_out() -> None:
    board = Board()
    for news in (OUT, DOWN, UP):
        board.heard(news, 100)
    assert board.current(100) == []


def test_the_newest_news_of_a_target_holds_and_others_do_not_matter() -> None:
    board = Board()
    board.heard(OUT, 100)
    board.heard(News("s", "b", "up"), 100)
    board.heard(News("t", "a", "back"), 100)
    board.heard(News("s", "a", "out", "ejected", 60.0), 110)
    assert held(board, 110) == [("out", 60.0)]


@given(st.lists(st.tuples(st.sampled_from(["out", "back", "up", "down"]), st.floats(0.1, 10))))
def test_nothing_is_held_that_is_over(told: list[tuple[str, float]]) -> None:
    board, now, down, until = Board(), 0.0, False, 0.0
    for event, seconds in told:
        now += 1
        board.heard(News("s", "a", event, "", seconds), now)  # type: ignore[arg-type]
        down = event == "down" or (down and event != "up")
        until = now + seconds if event == "out" else 0.0 if event in {"up", "back"} else until
        assert [event for event, _ in held(board, now)] == ["down"] * down + ["out"] * (until > now)
