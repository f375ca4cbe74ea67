"""Renderings that several tests look at, each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from support.helm import LEAST, Manifest, render
from support.profiles import NAMES, render_profile

Rendered = Callable[..., list[Manifest]]


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    """Return `rendered(profile, helm="helm")`; "least" is what has to be said at least."""

    @cache
    def of(profile: str, helm: str = "helm") -> list[Manifest]:
        if profile == "least":
            return render([], LEAST, helm=helm)
        return render_profile(profile, helm=helm)

    return of


@pytest.fixture(params=["least", *NAMES])
def manifests(request: pytest.FixtureRequest, rendered: Rendered) -> list[Manifest]:
    """Return what each profile is rendered to, and what the fewest values are."""
    return rendered(request.param)


@pytest.fixture
def least(rendered: Rendered) -> list[Manifest]:
    """Return what the fewest values are rendered to."""
    return rendered("least")
