from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.references import MAX_FILE_BYTES, refers, resolve, resolve_stored
from sluicegate.snapshot.source import read

ENVIRON = {"NAME": "a value", "EMPTY": "", "NESTED": "${env:NAME}"}


def resolved(text: str, folder: Path = Path("/nowhere")) -> Draft:
    draft = Draft(read(text.encode()))
    resolve(draft, ENVIRON, folder)
    return draft


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:NAME}", "a value"),
        ("<${env:NAME}, ${env:NAME}>", "<a value, a value>"),
        ("${env:EMPTY}", ""),
        ("$${env:NAME}", "${env:NAME}"),
        ("$$${env:NAME}", "$${env:NAME}"),
        ("costs $5 {x} $", "costs $5 {x} $"),
        ("${env:NESTED}", "${env:NAME}"),
    ],
)
def test_a_reference_is_replaced_wherever_it_stands(text: str, value: str) -> None:
    draft = resolved(f"a: ['{text}']\nb: {{c: '{text}'}}\n")
    assert draft.faults == []
    assert draft.data == {"a": [value], "b": {"c": value}}


def test_a_file_is_read_from_the_folder_without_its_last_newline(tmp_path: Path) -> None:
    for name, text in (("unix", "s3cret\n\n"), ("dos", "s3cret\r\n"), ("bare", "s3cret")):
        (tmp_path / name).write_bytes(text.encode())
    draft = resolved(
        f"a: '${{file:unix}}'\nb: '${{file:dos}}'\nc: '${{file:{tmp_path}/bare}}'\n", tmp_path
    )
    assert draft.data == {"a": "s3cret\n", "b": "s3cret", "c": "s3cret"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${env:ABSENT}", "`${env:ABSENT}`: this environment variable is not set"),
        ("${env:A-B}", "`${env:A-B}`: not the name of an environment variable"),
        ("${file:gone}", "`${file:gone}`: cannot read /nowhere/gone: No such file or directory"),
        ("${vault:x}", "`${vault:x}`: expected `${env:NAME}` or `${file:/path}`; a plain"),
        ("${NAME}", "`${NAME}`: expected `${env:NAME}` or `${file:/path}`"),
        ("x ${env:NAME", "`${env:NAME`: expected `${env:NAME}` or `${file:/path}`"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_fault_at_its_line(text: str, words: str) -> None:
    (fault,) = resolved(f"a: 1\nb:\n  - '{text}'\n").faults
    assert (fault.path, fault.line) == ("b[0]", 3)
    assert fault.message.startswith(words)


def test_every_missing_reference_is_found() -> None:
    draft = resolved("a: '${env:X} ${env:Y}'\nb: '${env:Z}'\n")
    assert [fault.path for fault in draft.faults] == ["a", "a", "b"]


def test_files_that_are_no_text_or_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    draft = resolved("a: '${file:binary}'\nb: '${file:large}'\nc: '${file:.}'\n", tmp_path)
    assert [fault.message.rpartition(" is ")[2] for fault in draft.faults[:2]] == [
        "not UTF-8 text",
        f"larger than {MAX_FILE_BYTES} bytes",
    ]
    assert draft.faults[2].message.endswith("Is a directory")


def test_what_a_reference_stands_for_is_shown_as_the_reference() -> None:
    draft = resolved("a: 'x ${env:NAME}'\n")
    assert draft.show(("a",), draft.data["a"]) == "the text of `x ${env:NAME}`"
    draft.complain(("a",), "a policy's own words about `a value`")
    assert draft.faults[0].message == "a policy's own words about `${env:NAME}`"


def test_a_variable_that_is_not_utf_8_is_refused() -> None:
    draft = Draft(read(b"a: '${env:RAW}'\n"))
    resolve(draft, {"RAW": "\udcff"}, Path("/nowhere"))
    assert draft.faults[0].message == "`${env:RAW}`: this environment variable is not UTF-8 text"


def stored(text: str) -> Draft:
    draft = Draft(read(text.encode()))
    resolve_stored(draft, {"token": "s3cret!", "nested": "${secret:x}"}.__getitem__)
    return draft


def test_a_stored_resource_refers_to_stored_secrets() -> None:
    draft = stored("a: ['<${secret:token}>', '$${secret:token}', '${secret:nested}']\n")
    assert draft.faults == []
    assert draft.data == {"a": ["<s3cret!>", "${secret:token}", "${secret:x}"]}
    draft.complain(("a",), "s3cret! is wrong")
    assert draft.faults[0].message == "${secret:token} is wrong"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${secret:gone}", "`${secret:gone}`: there is no secret of this name"),
        ("${env:NAME}", "`${env:NAME}`: what is stored may not read the environment or the files"),
        ("${file:/etc/passwd}", "`${file:/etc/passwd}`: what is stored may not read"),
        ("${vault:x}", "`${vault:x}`: expected `${secret:NAME}`; a plain `${` is written `$${`"),
        ("${secret:", "`${secret:`: expected `${secret:NAME}`"),
    ],
)
def test_and_to_nothing_else(text: str, words: str) -> None:
    (fault,) = stored(f"a: '{text}'\n").faults
    assert fault.message.startswith(words)


def test_a_file_does_not_refer_to_stored_secrets() -> None:
    (fault,) = resolved("a: '${secret:token}'\n").faults
    assert fault.message.startswith("`${secret:token}`: expected `${env:NAME}` or")


def test_a_text_that_holds_a_reference_can_be_told_from_one_that_does_not() -> None:
    assert refers("${env:NAME}")
    assert refers("Bearer ${secret:key}")
    assert not any(map(refers, ("", "plain", "$${env:NAME}", "${NAME}", "${")))
