"""What every test has: fixtures, a bound on its time, and the rule that skipped is failed in CI."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from support.effort import EXAMPLES

if TYPE_CHECKING:
    from sluicegate.settings import Settings
    from support.gateway import Gateway
    from support.postgres import Postgres
    from support.upstreams import Script, Upstream
    from support.valkey import Valkey

hypothesis.settings.register_profile(
    "house",
    deadline=None,  # the machine is shared: a slow example is not a failure
    database=None,
    max_examples=EXAMPLES,
    derandomize=bool(os.environ.get("CI")),  # the same examples on every run there
)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:  # noqa: ARG001 - the hook's signature
    """Keep the collector from looking at 14,000 tests again and again, each time it runs."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - the hook's signature
) -> Iterator[None]:
    """Turn a skipped test into a failed one where `CI` is set."""
    report: Any = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report


TEST_S = 120
"""Few tests need a sixth of it on idle cores; one that hangs fails by its name, and the run
goes on.

The marker `bound_s` gives one that installs a whole release another bound.
"""


@contextmanager
def bounded(item: pytest.Item) -> Iterator[None]:
    """Raise TimeoutError in what takes longer than `TEST_S` seconds, or `bound_s` of the test."""
    marker = item.get_closest_marker("bound_s")
    within_s = TEST_S if marker is None else marker.args[0]

    def too_long(*_: object) -> None:
        raise TimeoutError(f"{item.nodeid} has not ended in {within_s} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, within_s, within_s)  # again where the clean-up hangs too
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Bound the fixtures of a test."""
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Bound the test."""
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Bound the end of its fixtures."""
    with bounded(item):
        return (yield)


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Return `start(yaml, **environment) -> Gateway`: a real process, ready, stopped at the end."""
    from support.gateway import gateway  # noqa: PLC0415 - unit tests need not import the gateway

    with ExitStack() as stack:

        def start(yaml: str, **environ: str) -> Gateway:
            folder = tmp_path / f"gateway-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(gateway(folder, yaml, **environ))

        yield start


@pytest.fixture
def start_upstream() -> Iterator[Callable[[Script], Upstream]]:
    """Return `start(script) -> Upstream`: a scripted upstream in a thread, stopped at the end."""
    from support.loops import in_thread  # noqa: PLC0415 - same
    from support.upstreams import Upstream  # noqa: PLC0415 - same

    with ExitStack() as stack:
        yield lambda script: stack.enter_context(in_thread(Upstream(script)))


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Return a real Valkey on a Unix socket, one for all tests, with what others left in it."""
    from support.valkey import Valkey  # noqa: PLC0415 - same

    with Valkey(tmp_path_factory.mktemp("valkey"), unix=True) as server:
        yield server


@pytest.fixture
def valkey(shared_valkey: Valkey) -> Valkey:
    """Return the same one, empty. A test that ends or pauses a server starts its own."""
    with shared_valkey.client() as client:
        client.flushall()
    return shared_valkey


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Return a real PostgreSQL, one for all tests: take a database from it, and never end it."""
    from support.postgres import Postgres  # noqa: PLC0415 - same

    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Return the URL of a database of this test's own, empty, with the newest schema."""
    url = postgres.database()
    yield url
    postgres.drop(url.rpartition("/")[2])


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Return settings of a store of this test's own, empty, of each kind."""
    from sluicegate.settings import Settings  # noqa: PLC0415 - unit tests need not import it
    from support.postgres import store_settings  # noqa: PLC0415 - needs the server's package

    if request.param == "sqlite":
        return Settings(data_dir=str(tmp_path / "data"))
    return store_settings(request.getfixturevalue("postgres_url"))
