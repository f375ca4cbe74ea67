"""What a request wishes of one group is decided once, and unsaid where nothing is taken."""

from __future__ import annotations

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.wish import LEAST_US, Wish

SECOND = 1_000_000
GROUP = Group("p", [Limit("a", FixedWindow(5, 60 * SECOND)), Limit("b", FixedWindow(2, SECOND))])


def test_a_wish_that_fits_says_what_to_keep_and_for_how_long() -> None:
    wish = Wish(Ask(GROUP, "=ann", 2), [(0, 1), None], 0)
    assert wish.fits
    assert (wish.fresh, wish.life_us) == ([(0, 3), (0, 2)], 60 * SECOND)
    assert Wish(Ask(GROUP, "=ann", 1), [None, None], 60 * SECOND - 1).life_us == LEAST_US


def test_one_that_does_not_fit_says_what_is_left_without_it() -> None:
    wish = Wish(Ask(GROUP, "=ann", 3), [(0, 1), (0, 1)], 0)
    assert not wish.fits
    assert [outcome.remaining for outcome in wish.outcomes] == [1, 1]
    wish.untaken(0)
    said = [(outcome.admitted, outcome.remaining) for outcome in wish.outcomes]
    assert said == [(True, 4), (False, 1)]
