"""What a translation would lose: refused by name, or dropped where the operator said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from sluicegate.llm.failure import CallError, Failure

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Request

HARMLESS: Final[dict[str, tuple[object, ...]]] = {
    "min_p": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "n": (1,),
    "verbosity": ("medium",),
    "store": (False,),
    "metadata": ({},),
    "service_tier": ("auto", "default"),
    "parallel_tools": (True,),
}
"""Values of fields that ask for what happens anyway."""


class Losses:
    """Collects, while a writer goes through a request, what it has no words for."""

    __slots__ = ("_names", "dropped", "fatal", "lost", "target")

    def __init__(self, names: Mapping[str, str], target: str) -> None:
        """`names`: what the caller's dialect calls fields of `canonical.Request`."""
        self._names = names
        self.target = target
        self.lost: list[str] = []
        self.fatal: list[str] = []
        self.dropped: list[str] = []

    def field(self, name: str) -> None:
        """Lose a field of `canonical.Request`, by its name there."""
        self.lost.append(self._names.get(name, name))

    def fields(self, request: Request, names: Iterable[str]) -> None:
        """Lose those of these fields that ask for something that does not happen anyway."""
        for name in names:
            value = getattr(request, name)
            if value is not None and value not in HARMLESS.get(name, ()):
                self.field(name)

    def at(self, path: str) -> None:
        """Lose something by its path in the caller's request: it may be dropped if told to."""
        self.lost.append(path)

    def part(self, path: str) -> None:
        """Lose content, without which the answer would be to another question: never dropped."""
        self.fatal.append(path)

    def foreign(self, path: str) -> None:
        """Leave out what another family of models has signed: announced, never refused."""
        self.dropped.append(path)

    def hint(self, name: str) -> None:
        """Leave out what a field of `canonical.Request` only wishes for: announced as well."""
        self.dropped.append(self._names.get(name, name))

    def settle(self, *, drop: bool) -> list[str]:
        """Return what was dropped. Raises CallError that names what may not be."""
        refused = self.fatal if drop else [*self.fatal, *self.lost]
        if refused:
            named = ", ".join(f"`{path}`" for path in refused)
            raise CallError(
                Failure(
                    kind="unsupported",
                    status=400,
                    message=f"{named}: the model speaks {self.target}, which has no words for it",
                    field=refused[0],
                    ours=True,
                )
            )
        return [*self.dropped, *self.lost]
