"""The chart's Valkey, run: its scripts find one primary, whatever ends and however it comes back.

All tests but the last share three pods with TLS, and a gateway that counts all the time. What one
leaves broken is mended before the next.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.valkey_pods import CONTAINERS, PODS, SECRETS, ValkeyPods, until, valkey_pods
from support.helm import ROOT, application

PROC = Path("/proc")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyPods]:
    with valkey_pods(tmp_path_factory.mktemp("valkey")) as pods:
        yield pods


@pytest.fixture
def pods(running: ValkeyPods) -> ValkeyPods:
    running.mend()
    until(running.settled, running)
    return running


class Client:
    """A gateway that counts; see valkey_client.py."""

    def __init__(self, pods: ValkeyPods) -> None:
        self._pods = pods
        self._output = pods.folder / "client.out"
        self._begun = 0
        url = application(pods.manifests)["state"]["url"]
        ca = str(pods.folder / PODS[0] / "tls" / "ca.crt")
        file = str(Path(__file__).with_name("valkey_client.py"))
        env = {**os.environ, "PASSWORD": SECRETS["state-password"], "PYTHONPATH": f"{ROOT}/tests"}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                pods.attach("client").command([sys.executable, file, url, ca]),
                stdin=subprocess.PIPE, stdout=output, text=True, env=env,
            )  # fmt: skip

    def begins(self) -> None:
        """Forget what it has said so far."""
        self._begun += len(self.said())

    def said(self) -> list[str]:
        """Return the lines that it has said in this test."""
        return self._output.read_text().split("\n")[self._begun : -1]

    def counted(self) -> list[int]:
        """Return the counts among them, each of a take that was answered."""
        return [int(line) for line in self.said() if line.isdigit()]

    def counts(self) -> int:
        """Return the next count but one: the next take may have been sent before now."""
        wanted = len(self.counted()) + 2
        until(lambda: len(self.counted()) >= wanted, self._pods)
        return self.counted()[wanted - 1]

    def asked_about_evictions(self) -> str:
        """Return what it knows of them."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

        def told() -> str | None:
            return next((line for line in self.said() if line.startswith("evicts")), None)

        return str(until(told, self._pods))


@pytest.fixture(scope="module")
def clients() -> Iterator[list[Client]]:
    """Hold the client that runs; behind one that has ended there comes another."""
    held: list[Client] = []
    yield held
    for client in held:
        client.process.kill()
        client.process.communicate()


@pytest.fixture
def client(pods: ValkeyPods, clients: list[Client]) -> Client:
    if not clients or clients[-1].process.poll() is not None:
        clients.append(Client(pods))
    clients[-1].counts()
    clients[-1].begins()
    return clients[-1]


def the_primary(pods: ValkeyPods) -> int:
    return int(until(pods.settled, pods))


def answered(pods: ValkeyPods, ordinal: int, asks: str) -> str:
    """Return the first line of what is answered, as soon as anything is."""
    return str(until(lambda: pods.asked(ordinal, asks) or None, pods)[0])


def test_pod_0_is_the_first_primary_and_two_follow_it(pods: ValkeyPods) -> None:
    for ordinal, begins in enumerate(("the primary", *["a replica of valkey-0.valkey"] * 2)):
        log = (pods.folder / f"{PODS[ordinal]}-valkey.log").read_text()
        assert log.startswith(f"{PODS[ordinal]}: begins as {begins}\n")
        for container in CONTAINERS:
            until(lambda c=container, o=ordinal: pods.probe(o, c, "livenessProbe"), pods)
            until(lambda c=container, o=ordinal: pods.probe(o, c, "readinessProbe"), pods)


def test_the_gateways_user_counts_and_can_do_nothing_else(pods: ValkeyPods, client: Client) -> None:
    client.counts()
    assert client.asked_about_evictions() == "evicts 0.0", "noeviction is read by INFO"
    shown = 'export REDISCLI_AUTH="$STATE_PASSWORD"; '
    for forbidden in ("FLUSHALL", "CONFIG GET maxmemory", "GET other", "KEYS '*'", "SHUTDOWN"):
        answer = answered(pods, 0, f"{shown} ask gateway 127.0.0.1 6379 {forbidden}")
        assert answer.startswith("NOPERM"), forbidden
    asks = f"{shown} ask gateway 127.0.0.1 26379 SENTINEL FAILOVER limits"
    assert answered(pods, 0, asks).startswith("NOPERM")


def test_nobody_comes_in_without_a_password_or_without_tls(pods: ValkeyPods) -> None:
    for port in (6379, 26379):
        line = f'valkey-cli --tls --cacert "$VALKEY_TLS/ca.crt" -p {port} ROLE'
        assert answered(pods, 0, line).startswith("NOAUTH")
        assert not pods.asked(0, f"valkey-cli -p {port} PING 2> /dev/null")


def test_no_command_line_and_no_log_has_a_password(pods: ValkeyPods) -> None:
    for ordinal in range(3):
        pods.probe(ordinal, "valkey", "readinessProbe")
    lines = [_read(file) for file in PROC.glob("[0-9]*/cmdline")]
    assert any(b"server.conf" in line or b"valkey-server" in line for line in lines)
    for secret in SECRETS.values():
        assert all(secret.encode() not in line for line in lines)
        assert secret not in pods.logs()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended
        return b""


def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(
    pods: ValkeyPods, client: Client
) -> None:
    primary = the_primary(pods)
    rest = [each for each in range(3) if each != primary]
    before = client.counts()
    pods.lose(primary)
    new = until(lambda: pods.settled(*rest), pods)
    assert new in rest
    assert client.counts() > before
    pods.begin(primary)
    assert until(pods.settled, pods) in rest
    counts = client.counted()
    assert counts == sorted(counts), "what was counted and replicated is not counted again"


def test_a_primary_that_ends_in_order_hands_over_first(pods: ValkeyPods, client: Client) -> None:
    primary = the_primary(pods)
    rest = [each for each in range(3) if each != primary]
    client.counts()
    pods.delete(primary)
    assert until(lambda: pods.settled(*rest), pods) in rest
    client.counts()
    counts = client.counted()
    assert counts == sorted(set(counts)), "not one count was lost: none is given twice"
    pods.begin(primary)
    assert until(pods.settled, pods) in rest


def test_counts_outlive_a_restart_of_all_pods(pods: ValkeyPods, client: Client) -> None:
    primary = the_primary(pods)
    before = client.counts()
    # Its file is written each second.
    until(lambda: "aof_pending_bio_fsync:0" in _persistence(pods, primary), pods)
    for ordinal in range(3):
        pods.lose(ordinal)
    pods.begin()
    # The same one, unless it was so slow that Sentinels have chosen another.
    until(pods.settled, pods)
    assert client.counts() > before


def _persistence(pods: ValkeyPods, ordinal: int) -> list[str]:
    return [line.strip() for line in pods.asked(ordinal, "ask_server 127.0.0.1 INFO persistence")]


def test_a_primary_that_lost_its_data_does_not_empty_the_others(
    pods: ValkeyPods, client: Client
) -> None:
    primary = the_primary(pods)
    before = client.counts()
    pods.crash(primary, "valkey")
    for file in (pods.folder / PODS[primary] / "data" / "appendonlydir").iterdir():
        file.unlink()
    pods.start(primary, "valkey")  # sooner than anybody has noticed
    assert until(pods.settled, pods) != primary
    assert client.counts() > before


def test_a_pod_that_lost_its_volume_follows_who_is_primary(pods: ValkeyPods) -> None:
    if the_primary(pods) == 0:
        pods.delete(0)
        until(lambda: pods.settled(1, 2), pods)
    else:
        pods.lose(0)
    pods.forget(0)
    pods.begin(0)
    assert until(pods.settled, pods) != 0


def test_a_replica_without_a_primary_is_alive_and_not_ready(pods: ValkeyPods) -> None:
    primary = the_primary(pods)
    replica = (primary + 1) % 3
    for ordinal in range(3):
        pods.crash(ordinal, "sentinel")
    pods.crash(primary, "valkey")
    until(lambda: not pods.probe(replica, "valkey", "readinessProbe"), pods)
    until(lambda: pods.probe(replica, "valkey", "livenessProbe"), pods)
    pods.start(primary, "valkey")
    for ordinal in range(3):
        pods.start(ordinal, "sentinel")
    assert until(pods.settled, pods) in range(3)


def test_a_renewed_certificate_is_used_by_servers_and_restarts_sentinels(pods: ValkeyPods) -> None:
    file = pods.folder / PODS[1] / "tls" / "tls.crt"
    file.write_text(file.read_text() + "\n")
    assert not pods.probe(1, "sentinel", "livenessProbe")
    pods.crash(1, "sentinel")
    pods.start(1, "sentinel")
    until(lambda: pods.probe(1, "sentinel", "livenessProbe"), pods)
    loaded = pods.folder / PODS[1] / "run" / "server.certificate"
    before = loaded.read_text()
    until(lambda: pods.probe(1, "valkey", "livenessProbe"), pods)
    assert loaded.read_text() != before


def test_a_pod_that_is_alone_does_not_begin_as_primary(tmp_path: Path) -> None:
    plain = {"tls": {"source": "off"}, "valkey": {"persistence": {"enabled": False}}}
    with valkey_pods(tmp_path, plain) as pods:
        pods.begin(0)
        until(lambda: pods.named(0) == "0 valkey-0.valkey", pods)
        assert pods.primaries(0) == []
        assert not pods.probe(0, "sentinel", "readinessProbe"), "nobody could take its place"
        pods.begin(1)
        assert until(lambda: pods.settled(0, 1), pods) == 0
