"""What a standing should do, written as one would tell it: from histories, without any counting.

Settings of the model: a window of 6, from 4 calls on, half of them bad; open for 2 s; 2 calls of a
trial, slow after 1 s; ejected after 3 in a row for 1 s, 3 s at most; half of the targets.
"""

from __future__ import annotations

from typing import Any

from sluicegate.model.resilience import Breaker, Ejection
from sluicegate.model.units import Duration

BREAKER = Breaker(window=6, min_calls=4, failures=50, slow=Duration(1), open=Duration(2), probes=2)
EJECTION = Ejection(consecutive=3, time=Duration(1), max_time=Duration(3), max_share=50)


class Call:
    """An attempt in flight; `during` is the episode in which it began, None if it is not let in."""

    def __init__(self, standing: Any, term: int, during: Episode | None) -> None:
        self.standing = standing
        self.term = term
        self.during = during


class Episode:
    """What has happened since the last change."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.open_calls: list[Call] = []


class Model:
    """One target of four; `others_out` of its siblings are out."""

    def __init__(self, now: float) -> None:
        self.place = "in"
        self.down = False
        self.cause = ""
        self.until: float | None = None
        self.episode = Episode()
        self.others_out = 0
        self.strikes = 0
        self.well_since: float | None = now
        self.told: list[tuple[str, float]] = []

    @property
    def state(self) -> str:
        return "down" if self.down else self.place

    @property
    def permits(self) -> int:
        taken = len(self.episode.open_calls) + self.episode.outcomes.count("ok")
        return 2 - taken if self.place == "trial" else 0

    @property
    def available(self) -> bool:
        return self.state == "in" or (self.state == "trial" and self.permits > 0)

    @property
    def share_allows(self) -> bool:
        return (self.others_out + 1) / 4 <= 0.5

    def begin(self, standing: Any, term: int, now: float) -> Call:
        lets = self.state == "in" or (self.state == "trial" and self.permits > 0)
        call = Call(standing, term, self.episode if lets else None)
        if lets:
            self.episode.open_calls.append(call)
            if self.place == "trial" and self.permits == 0:
                self.until = now + 1 + 0.1
        return call

    def end(self, call: Call, outcome: str, now: float) -> None:
        if call.during is not self.episode:
            return
        self.episode.open_calls.remove(call)
        if outcome == "released":
            self.until = None if self.place == "trial" else self.until
            return
        self.episode.outcomes.append(outcome)
        if self.place == "trial":
            if outcome != "ok":
                self.fail_trial(outcome == "gone", now)
            elif self.episode.outcomes == ["ok", "ok"]:
                self.come_in(now)
        else:
            self.judge(now)

    def judge(self, now: float) -> None:
        history = self.episode.outcomes
        last = history[-6:]
        bad = [each for each in last if each != "ok"]
        tail = history[-3:]
        if len(last) >= 4 and bad and len(bad) >= len(last) / 2:
            self.leave("open", 2, now)
        elif len(tail) == 3 and "ok" not in tail and (set(tail) == {"gone"} or self.share_allows):
            self.eject(now)

    def eject(self, now: float) -> None:
        self.strike(now)
        self.leave("ejected", min(3, self.strikes), now)

    def strike(self, now: float) -> None:
        self.fall_ill(now)
        self.strikes = min(self.strikes + 1, 4)

    def fall_ill(self, now: float) -> None:
        while self.well_since is not None and self.strikes and self.well_since + 1 <= now:
            self.strikes -= 1
            self.well_since += 1
        self.well_since = None

    def leave(self, cause: str, seconds: float, now: float, *, own: bool = True) -> None:
        self.fall_ill(now)
        self.place, self.cause, self.until = "out", cause, now + seconds
        self.episode = Episode()
        if own:
            self.told.append((cause, seconds))

    def fail_trial(self, gone: bool, now: float) -> None:  # noqa: FBT001 - what happened
        if self.cause == "open":
            self.leave("open", 2, now)
        elif gone or self.share_allows:
            self.eject(now)
        else:
            self.come_in(now)

    def come_in(self, now: float) -> None:
        self.place, self.until, self.well_since, self.episode = "in", None, now, Episode()

    def to_trial(self) -> None:
        self.place, self.until, self.episode = "trial", None, Episode()

    def tick(self, now: float) -> None:
        if self.until is not None and self.until <= now and not self.down:
            if self.place == "out":
                self.to_trial()
            else:
                self.fail_trial(False, now)

    def hear(self, event: str, cause: str, seconds: float, unreachable: bool, now: float) -> None:  # noqa: FBT001 - news
        if event == "out" and self.place == "out":
            self.until = max(self.until or 0, now + seconds)
        elif event == "out":
            if cause == "open" or unreachable or self.share_allows:
                if cause == "ejected":
                    self.strike(now)
                self.leave(cause, seconds, now, own=False)
        elif event == "down" and not self.down:
            self.fall_ill(now)
            self.down, self.episode = True, Episode()
        elif event == "up" and self.down:
            self.down = False
            if self.place == "in":
                self.come_in(now)
            else:
                self.to_trial()
        elif event in {"up", "back"} and self.state == "out":
            self.to_trial()

    def set_aside(self, seconds: float, now: float) -> None:
        seconds = min(seconds, 3)
        if self.share_allows:
            if self.place == "out":
                self.until = max(self.until or 0, now + seconds)
            else:
                self.leave("asked", seconds, now, own=False)
