from __future__ import annotations

import pytest
from litestar.exceptions import HTTPException, NotFoundException, ValidationException

from sluicegate.admin.problems import Invalid, invalid, missing, problem_body, refusal_for
from sluicegate.errors import NO_ROUTE, Fault, Refused, StoreAway
from sluicegate.store.contract import Change, ClockBehind, Moved, Revoked, Stale

STALE = Stale(Change("route", "r", b""), None)


@pytest.mark.parametrize(
    ("error", "status", "again"),
    [
        (Refused(NO_ROUTE), 404, False),
        (StoreAway("postgresql://user:hunter2@10.0.0.1"), 503, True),
        (Moved(), 503, True),
        (ClockBehind(), 503, True),
        (STALE, 412, False),
        (Revoked("sg_local_abc"), 409, False),
        (NotFoundException(), 404, False),
        (HTTPException(status_code=413), 413, False),
        (HTTPException(status_code=418), 500, False),
        (ValidationException("wrong"), 422, False),
        (RecursionError(), 400, False),
        (RuntimeError("hunter2"), 500, False),
    ],
)
def test_every_error_has_its_problem_and_keeps_its_secrets(
    error: Exception, status: int, *, again: bool
) -> None:
    refused = refusal_for(error)
    assert refused.problem.status == status
    assert (b"retry-after" in dict(refused.headers)) == again
    assert "hunter2" not in str(problem_body(refused, "1"))


def test_a_problem_document_has_the_members_of_rfc_9457() -> None:
    assert problem_body(invalid("spec.plan", "there is no plan gold"), "r-1") == {
        "type": "urn:sluicegate:problem:invalid",
        "title": "What was sent cannot be used",
        "status": 422,
        "errors": [{"path": "spec.plan", "message": "there is no plan gold"}],
        "instance": "urn:request:r-1",
    }


def test_what_is_missing_is_named() -> None:
    assert problem_body(missing("route", "r"), "r-1")["detail"] == "there is no route r"
    assert str(missing("policies", "").detail).startswith("there are no policies here")


def test_of_very_many_faults_the_first_thousand_are_told_and_that_there_are_more() -> None:
    many = [Fault(f"routes.r{number}", 0, "wrong") for number in range(1500)]
    errors = problem_body(Invalid(many), "r-1")["errors"]
    assert len(errors) == 1001
    assert errors[999]["path"] == "routes.r999"
    assert errors[-1]["message"].startswith("there are more faults than these 1000")
    assert len(problem_body(Invalid(many[:1000]), "r-1")["errors"]) == 1000
