from __future__ import annotations

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.state.redis.resp import Trouble, command


@given(st.lists(st.binary(), min_size=1))
def test_a_command_is_an_array_of_its_arguments(arguments: list[bytes]) -> None:
    reader = hiredis.Reader()
    reader.feed(command(*arguments))
    assert reader.gets() == arguments


def test_numbers_and_texts_are_arguments_too() -> None:
    assert command("SELECT", 3) == b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("READONLY You can't write against a read only replica.", "READONLY"),
        ("ERR Error running script (call to f_1): @user_script:1: -OOM command not", "OOM"),
        ("ERR unknown command", "ERR"),
        ("WHAT is this", "ERR"),
        ("", "ERR"),
    ],
)
def test_an_error_is_known_by_its_first_word_or_by_what_it_quotes(text: str, word: str) -> None:
    assert Trouble(hiredis.ReplyError(text)).word == word


def test_a_redirection_says_where_to() -> None:
    assert Trouble(hiredis.ReplyError("MOVED 3999 127.0.0.1:6381")).target() == (
        3999,
        "127.0.0.1",
        6381,
    )
    assert Trouble(hiredis.ReplyError("ASK 1 ::1:6381")).target() == (1, "::1", 6381)
    assert Trouble(hiredis.ReplyError("MOVED 1 :6381")).target() == (1, "", 6381)
    with pytest.raises(ValueError, match="invalid literal"):
        Trouble(hiredis.ReplyError("OOM command not allowed")).target()
