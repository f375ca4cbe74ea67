from __future__ import annotations

import asyncio
from typing import Any, cast

from structlog.testing import capture_logs

from sluicegate.process.opened_secrets import OpenedSecrets
from sluicegate.store.contract import Revision
from sluicegate.store.vault import NotOpened


def secret(name: str, number: int, content: bytes) -> Revision:
    made = f"id-{number}"
    return Revision(made, "secret", name, number, "a", content, None, None, "me", "", "create", 1)


class Opener:
    """A vault whose seal is one letter."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    async def open(self, name: str, content: bytes) -> str:
        self.opened.append(name)
        if not content.startswith(b"s"):
            raise NotOpened(f"secret {name}: what is stored is not what was sealed")
        return content[1:].decode()


def test_each_revision_is_opened_once_and_what_is_gone_is_forgotten() -> None:
    async def scenario() -> None:
        vault = Opener()
        secrets = OpenedSecrets(cast("Any", vault))
        await secrets.read([secret("a", 1, b"sone"), secret("b", 2, b"stwo")])
        assert secrets.texts == {"a": "one", "b": "two"}
        await secrets.read([secret("a", 3, b"sthree"), secret("b", 2, b"stwo")])
        assert secrets.texts == {"a": "three", "b": "two"}
        assert vault.opened == ["a", "b", "a"]
        await secrets.read([])
        assert secrets.texts == {}

    asyncio.run(scenario())


def test_one_that_cannot_be_opened_is_said_and_tried_again_and_hides_no_other() -> None:
    async def scenario() -> None:
        vault = Opener()
        secrets = OpenedSecrets(cast("Any", vault))
        revisions = [secret("bad", 1, b"xhidden"), secret("good", 2, b"stext")]
        with capture_logs() as logs:
            await secrets.read(revisions)
            await secrets.read(revisions)
        assert secrets.texts == {"good": "text"}
        assert vault.opened == ["bad", "good", "bad"]
        assert "hidden" not in str(logs)
        assert "text" not in repr(secrets)

    asyncio.run(scenario())
