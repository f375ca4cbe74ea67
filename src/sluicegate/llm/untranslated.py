"""The half of a dialect that only passes through: whatever would translate is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from sluicegate.llm.failure import CallError, Failure, Malformed

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Request
    from sluicegate.llm.dialect import Incoming, Outgoing
    from sluicegate.llm.losses import Losses

NO_NAMES: Final[dict[str, str]] = {}


class Untranslated:
    """What a dialect that is not translated says to those who would."""

    name = ""
    family = ""
    names: Mapping[str, str] = NO_NAMES

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:  # noqa: ARG002 - of a contract
        """Raise CallError: the model's provider does not speak this."""
        self._refuse()

    def write_request(self, request: Request, losses: Losses) -> Outgoing:  # noqa: ARG002 - same
        """Raise CallError: nothing is translated into this."""
        self._refuse()

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - same
        """Raise CallError: nothing is translated into this."""
        self._refuse()

    def read_answer(self, body: bytes) -> Answer:  # noqa: ARG002 - same
        """Raise Malformed: nobody can have asked in another dialect."""
        raise Malformed(f"answers of {self.name} are not translated")

    def _refuse(self) -> NoReturn:
        raise CallError(
            Failure(
                kind="unsupported",
                status=400,
                message=f"`model`: no deployment speaks {self.name}, and it is not translated",
                field="model",
                ours=True,
            )
        )
