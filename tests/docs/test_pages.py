"""What the documentation shows is what happens: its files are valid, its commands print that."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sluicegate.cli.check import accept
from sluicegate.errors import ConfigError
from sluicegate.llm import providers
from support.certificates import Authority
from support.pages import ROOT, Block, blocks, commands, matches, pages
from support.shell import Shell, play

PAGES = pages()
CONFIGURATIONS = [
    block
    for page in PAGES
    for block in blocks(page)
    # What a page checks or applies itself has its keys, packages and secrets only there.
    if block.language == "yaml"
    and not re.search(rf"\$ sluicegate (check|apply -f) {block.file}\s", page.read_text())
]
SESSIONS = [page for page in PAGES if any(b.language == "console" for b in blocks(page))]
LANGUAGES = {"yaml", "yaml fault", "yaml values", "console", "text", "python", "toml"}
README_LINES = 150


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("page", SESSIONS, ids=page_name)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, shell: Shell) -> None:
    for block, command, printed in play(page, shell):
        where = f"{page_name(page)}:{command.line}: $ {command.text}"
        logs = "".join(log.read_text()[-2000:] for log in sorted(shell.folder.glob("gateway.log")))
        assert matches(command.shown, printed), (
            f"{where}\n--- shown\n{command.shown}--- printed\n{printed}\n--- gateway.log\n{logs}"
        )
        assert block.text


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_in_a_page_has_no_faults(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in re.findall(r"\$\{env:(\w+)\}", block.text):
        monkeypatch.setenv(name, secret_of(name))
    file = tmp_path / block.file
    file.parent.mkdir(exist_ok=True)
    for name in re.findall(r"\$\{file:([^}/][^}]*)\}", block.text):
        (file.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (file.parent / name).write_text(secret_of(name))
    write_certificates(yaml.safe_load(block.text), tmp_path, Authority(tmp_path))
    file.write_text(block.text)
    try:
        assert accept(file).resources.items
    except ConfigError as error:
        found = "\n".join(f"line {block.line + f.line - 1}: {f.message}" for f in error.faults)
        pytest.fail(f"{block}\n{found}")


def secret_of(name: str) -> str:
    """Return 32 bytes in base64, which does for every kind of secret; another for each name."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def write_certificates(held: object, folder: Path, authority: Authority) -> None:
    """Make the PEM files that a configuration names, each with its key."""
    inner = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    for value in inner:
        write_certificates(value, folder, authority)
    if not isinstance(held, dict):
        return
    for field in ("ca", "client_ca"):
        if isinstance(held.get(field), str):
            place(authority.ca, folder / held[field])
    if {"certificate", "key"} <= held.keys():
        pair = authority.issue(["localhost"])
        place(pair.certificate, folder / held["certificate"])
        place(pair.key, folder / held["key"])


def place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.read_bytes())


def test_every_block_says_what_it_is() -> None:
    wrong = [
        f"{b}: `{b.language}`" for p in PAGES for b in blocks(p) if b.language not in LANGUAGES
    ]
    assert not wrong, "\n".join(wrong)


def test_values_of_a_page_are_given_to_a_command_of_it() -> None:
    values = [b for p in PAGES for b in blocks(p) if b.language == "yaml values"]
    assert values
    unused = [
        str(b)
        for b in values
        if not any(b.file in c.text for c in blocks(b.page) if c.language == "console")
    ]
    assert not unused


def test_links_between_pages_lead_somewhere() -> None:
    wrong = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, heading = link.partition("#")
            target = (page.parent / path) if path else page
            if "://" in link:
                continue
            if not target.exists() or (heading and heading not in headings(target)):
                wrong.append(f"{page_name(page)}: {link}")
    assert not wrong, "\n".join(wrong)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as forges make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_page_of_providers_names_every_kind_and_what_it_needs() -> None:
    text = (ROOT / "docs" / "howto" / "providers.md").read_text()
    table = text.partition("## Kinds")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")] for row in table.splitlines()[3:]]
    told = {kind.strip(" `"): row[2] for row in rows for kind in row[1].split(",")}
    needed = {
        kind: ", ".join(f"`{field}`" for field in providers.find(kind).required)
        for kind in providers.kinds()
    }
    assert told == needed


def test_every_how_to_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    absent = [p.name for p in (ROOT / "docs" / "howto").glob("*.md") if p.name not in index]
    assert not absent


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_an_example_that_a_page_shows_is_that_file() -> None:
    shown = [b for p in PAGES for b in blocks(p) if b.file.startswith("examples/")]
    assert [str(b) for b in shown if (ROOT / b.file).read_text() != b.text] == []
    assert "examples/models.yml" in {b.file for b in shown}


def test_make_run_starts_what_the_pages_run_in_its_place() -> None:
    recipe = re.search(r"^run:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert recipe[1].strip() == "@exec $(BIN)/sluicegate quickstart $(ARGS)"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("a …d\n", "a b c d\n", True),
        ("a …d\n", "a b\nc d\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a\n…\n", "a\nb\nc\n", True),
        ("…\nd\n", "a\nb\n", False),
        ("", "", True),
        ("", "a\n", False),
        ("1.5 (a)\n", "1x5 (a)\n", False),
    ],
)
def test_shown_output_is_compared_with_gaps(shown: str, printed: str, *, same: bool) -> None:
    assert matches(shown, printed) is same


def test_a_command_goes_on_after_a_backslash_and_ends_before_its_output() -> None:
    block = Block(ROOT, 10, "console", "$ a \\\n    b\nout\n$ c\n")
    first, second = commands(block)
    assert (first.line, first.text, first.shown) == (10, "a \\\n    b", "out\n")
    assert (second.line, second.text, second.shown) == (13, "c", "")


def test_a_command_that_fails_is_not_taken_for_one_that_prints(shell: Shell) -> None:
    with pytest.raises(AssertionError, match="exit status 3"):
        shell.run("(exit 3)")


def test_ports_of_pages_are_free_ones_in_a_shell_and_read_as_in_the_page(shell: Shell) -> None:
    assert shell.run("echo 127.0.0.1:8080") == "127.0.0.1:8080\n"
    assert shell.run("test 127.0.0.1:8080 = 127.0.0.1:80''80 || echo other") == "other\n"


def test_a_number_that_has_the_digits_of_a_port_in_it_is_left(shell: Shell) -> None:
    shell.run("at=127.0.0.1:8080")
    assert shell.run('echo "1${at##*:}"') != "18080\n"
    assert shell.run('echo "${at##*:}"') == "8080\n"
