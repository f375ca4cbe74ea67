"""The upstream tells what it has read: verdicts rest on it."""

from __future__ import annotations

from pathlib import Path

from chaos.verdicts import Read
from rehearsal.network import Network
from rehearsal.upstream import HOST, PORT, Upstream
from support.loops import run


def test_every_request_that_was_read_is_told_by_its_id_and_whether_it_was_whole(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with Network(tmp_path / "net") as network, Upstream(tmp_path, network) as upstream:
            client = await network.attach("client")
            reader, writer = await client.connect(HOST, PORT)
            head = b"POST / HTTP/1.1\r\nX-Request-Id: %b\r\nContent-Length: 2\r\n\r\n"
            writer.write(head % b"one" + b"ab" + head % b"two" + b"a")
            await reader.readuntil(b"one")
            writer.close()
            reads = upstream.reads()
            assert reads[:2] == [
                Read("upstream", "POST", "one", whole=False),
                Read("upstream", "POST", "one", whole=True),
            ]
            assert Read("upstream", "POST", "two", whole=True) not in reads

    run(work())
