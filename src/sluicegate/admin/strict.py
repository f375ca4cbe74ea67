"""Bodies are read strictly: what two readers could take for two things is refused.

RFC 8259 leaves open which of two members of one name counts. Here neither does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final

from litestar import Request
from litestar.types import Empty

from sluicegate.admin.problems import Invalid
from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot import stored
from sluicegate.snapshot.places import place_of, written

if TYPE_CHECKING:
    from sluicegate.snapshot.places import Place

MAX_BODY: Final = 16 * 2**20
"""Bytes that the application itself takes; the bridge bounds most paths further."""
APART: Final = 2**16
"""Bytes from where on a body is read in a thread; so many take a millisecond of the loop."""


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is read strictly. Raises Invalid; what is no JSON is left to Litestar.

    Paths of faults are from the body, or from what is `INSIDE` it.
    """

    INSIDE: ClassVar[Place] = ()

    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the body as plain data."""
        if self._json is Empty:
            body = await self.body()
            try:
                if len(body) < APART:
                    self._json = stored.read(body, (), MAX_BODY)
                else:
                    self._json = await asyncio.to_thread(stored.read, body, (), MAX_BODY)
            except ConfigError as error:
                await super().json()  # 400 for what is no JSON at all
                raise Invalid([self._inside(fault) for fault in error.faults]) from None
        return self._json

    def _inside(self, fault: Fault) -> Fault:
        place, depth = place_of(fault.path), len(self.INSIDE)
        if len(place) > depth and place[:depth] == self.INSIDE:
            return Fault(written(place[depth:]), fault.line, fault.message)
        return fault


class AppliedRequest(StrictRequest):
    """A request with a document: paths are from the document's root, as of its other faults."""

    INSIDE = ("resources",)
