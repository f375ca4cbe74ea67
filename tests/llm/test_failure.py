from __future__ import annotations

from sluicegate.llm.failure import AnswerFailed, CallError, Failure, Malformed, invalid


def test_a_faulty_field_is_named_twice_for_programs_and_for_people() -> None:
    error = invalid("messages[2].role", "expected a text")
    assert isinstance(error, CallError)
    assert error.failure == Failure(
        kind="invalid_request",
        status=400,
        message="`messages[2].role`: expected a text",
        field="messages[2].role",
        ours=True,
    )
    assert str(error) == error.failure.message


def test_a_fault_of_the_whole_names_no_field() -> None:
    failure = invalid("", "the body is not a JSON object").failure
    assert failure.message == "the body is not a JSON object"
    assert failure.field is None


def test_an_answer_that_says_that_it_failed_quotes_nothing_of_it() -> None:
    said = Failure(kind="overloaded", status=503, message="sk-secret")
    error = AnswerFailed(said)
    assert isinstance(error, Malformed)
    assert error.failure is said
    assert "sk-secret" not in str(error)
