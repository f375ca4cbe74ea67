import subprocess
import sys
from pathlib import Path

import pytest
from genai_prices import data

from sluicegate.llm import price_data


def test_every_provider_is_read_with_all_its_models() -> None:
    for theirs in data.providers:
        ours = price_data.read(theirs.id)

        assert len(ours[theirs.id].models) == len(theirs.models), theirs.id


def test_a_provider_comes_with_those_that_it_refers_to() -> None:
    assert list(price_data.read("azure"))[:3] == ["azure", "openai", "anthropic"]


def test_names_match_as_the_library_matches_them() -> None:
    names = {model.id.lower() for provider in data.providers for model in provider.models}
    names |= {"us.anthropic.claude-opus-5-v1:0", "o1-2024-12-17", "x", "", "mistral-large-latest"}
    for theirs in data.providers:
        models = price_data.read(theirs.id)[theirs.id].models
        pairs = list(zip(theirs.models, models, strict=True))
        for name in sorted(names)[:: 1 + len(pairs) // 10]:
            for wanted, found in pairs:
                assert wanted.is_match(name) == found.match(name), (theirs.id, wanted.id, name)


def test_an_unknown_provider_is_none() -> None:
    assert price_data.read("no-such-vendor") == {}


def test_the_library_itself_is_not_loaded() -> None:
    """Nor what it brings: pydantic and an HTTP client."""
    program = (
        "import sys; from sluicegate.llm.price_book import PriceBook;"
        "assert PriceBook().find('openai', 'gpt-4o');"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert "genai_prices" not in done.stdout
    assert "pydantic" not in done.stdout


def test_data_with_unknown_words_are_unreadable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "strange_prices").mkdir()
    (tmp_path / "strange_prices" / "__init__.py").touch()
    (tmp_path / "strange_prices" / "data.py").write_text("providers = [Auction(id='openai')]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(price_data, "PACKAGE", "strange_prices")

    with pytest.raises(price_data.Unreadable, match="NameError"):
        price_data.read("openai")


def test_a_library_that_is_not_there_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_data, "PACKAGE", "no_such_prices")

    with pytest.raises(price_data.Unreadable, match="ModuleNotFoundError"):
        price_data.read("openai")
