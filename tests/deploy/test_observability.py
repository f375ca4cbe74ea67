"""docs/observability.md is what the sources say, and leaves nothing out."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from sluicegate.journey.record import line
from support.dashboards import ROOT


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that writes the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        import observability  # noqa: PLC0415 - a script

    return observability


@pytest.fixture(scope="module")
def page(script: ModuleType) -> str:
    """What it writes."""
    return str(script.page())


def test_the_page_is_current(page: str) -> None:
    wanted = "run `python scripts/observability.py`"
    assert (ROOT / "docs/observability.md").read_text() == page, wanted


def test_every_metric_has_a_purpose(script: ModuleType) -> None:
    families = script.every_family()
    assert len(families) > 100
    assert {script.group_of(family.name) for family in families} == set(script.GROUPS)


def test_the_fields_of_the_access_log_are_those_of_the_code(script: ModuleType) -> None:
    text = (ROOT / "src/sluicegate/journey/record/line.py").read_text()
    written = set(re.findall(r'[,{]"(\w+)":', text))
    remembered = {*line.PLACE, *line.CALLER, *line.RESULT, *line.CALL}
    assert set(script.FIELDS) == written | {str(name) for name in remembered}


@pytest.mark.parametrize(
    "text",
    [
        "/actuator/health/liveness",
        "`gen_ai.usage.input_tokens`",
        "`http.response.status_code`",
        "`gen_ai_client_token_usage`",
        "| target_out | warning | `service`, `target`",
        "| `key_id` |",
        "## Dashboards",
    ],
)
def test_the_page_tells_of(text: str, page: str) -> None:
    assert text in page
