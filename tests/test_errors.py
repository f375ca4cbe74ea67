"""The tree of errors and the table of problems."""

from __future__ import annotations

import re

import pytest

from sluicegate import errors
from sluicegate.errors import (
    MALFORMED,
    PROBLEMS,
    ConfigError,
    ConnectFailed,
    ConnectTimeout,
    Fault,
    Problem,
    Refused,
    SluicegateError,
    UpstreamError,
)


def subclasses(root: type) -> set[type]:
    """Return a class and all below it."""
    return {root}.union(*(subclasses(each) for each in root.__subclasses__()))


def test_every_problem_has_a_type_of_its_own_that_reads_well() -> None:
    slugs = [problem.slug for problem in PROBLEMS]
    assert len(set(slugs)) == len(slugs) > 15
    for problem in PROBLEMS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.slug)
        registry = "https://iana.org/assignments/http-problem-types#"
        prefix = registry if problem.registered else "urn:sluicegate:problem:"
        assert problem.type == prefix + problem.slug
        assert 400 <= problem.status <= 599
        assert problem.title


def test_every_error_of_the_module_is_in_the_tree_that_it_draws() -> None:
    drawn = errors.__doc__ or ""
    own = {each for each in subclasses(SluicegateError) if each.__module__ == errors.__name__}
    assert len(own) > 8
    for error in own:
        assert error.__name__ in drawn


@pytest.mark.parametrize("error", sorted(subclasses(UpstreamError), key=lambda e: e.__name__))
def test_every_upstream_error_is_told_as_one_of_the_upstream(error: type[UpstreamError]) -> None:
    assert isinstance(error.problem, Problem)
    nothing_sent = issubclass(error, ConnectFailed | ConnectTimeout)
    assert error.problem.status in ((503,) if nothing_sent else (502, 504))
    assert re.fullmatch(r"[a-z_]+", error.reason)


def test_a_config_error_says_every_fault() -> None:
    faults = [Fault("routes.a", 3, "found 1; expected 2"), Fault("plans.b", 0, "missing")]
    error = ConfigError(faults)
    assert error.faults == faults
    assert str(error) == "routes.a:3: found 1; expected 2\nplans.b:0: missing"


def test_a_refusal_reads_as_its_detail_or_its_title() -> None:
    assert str(Refused(MALFORMED, "two hosts")) == "two hosts"
    assert str(Refused(MALFORMED)) == MALFORMED.title
