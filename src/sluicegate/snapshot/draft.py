"""A configuration that has been read and not yet accepted.

Everything that checks it complains here, so that an operator gets every fault at once. A draft also
knows what must not be shown: text that a reference stands for is shown as the reference.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.places import Place, place_of, written

if TYPE_CHECKING:
    from sluicegate.snapshot.source import Source

MOST: Final = 1000
"""Faults of one draft. Each takes up to a millisecond to find, and nobody reads so many."""
FURTHER: Final = f"there are more faults than these {MOST}; mend them to see the others"

_SHOWN_CHARACTERS = 60
_SECRET_CHARACTERS = 6
"""Shorter texts are no secrets; replacing them would garble messages."""

_CREDENTIALS = re.compile(r"(?<=://).*(?=@)", re.DOTALL)
"""Of a text that is a URL, right or wrong. A password may hold anything: up to the last `@`."""
_CREDENTIALS_OF_ONE = re.compile(r"(?<=://)[^\s`\"']*(?=@)")
"""Of URLs within a sentence."""


class Draft:
    """The data, where it came from, and what is wrong with it.

    `data` is the root mapping, changed in place by overrides and references.
    """

    def __init__(self, source: Source) -> None:
        """Begin with what the text says; its faults are the first ones."""
        self.data: dict[str, Any] = source.data if isinstance(source.data, dict) else {}
        self.variables: dict[Place, str] = {}
        self.references: dict[Place, str] = {}
        self.faults: list[Fault] = list(source.faults)
        self.source = source
        self._secrets: dict[str, str] = {}

    def override(self, place: Place, variable: str) -> None:
        """Note that what stands at `place` comes from an environment variable."""
        self.variables[place] = variable

    def resolved(self, place: Place, written_as: str, values: dict[str, str]) -> None:
        """Note that the text at `place` was written as `written_as`; `values` by reference."""
        self.references[place] = written_as
        for reference, value in values.items():
            if len(value) >= _SECRET_CHARACTERS:
                self._secrets[value] = reference

    def complain(self, place: Place, message: str) -> None:
        """Add a fault. Raises ConfigError as `finish` does where there are too many."""
        self.faults.append(self._fault(place, message))
        if len(self.faults) > self._most:
            self.finish()

    def locate(self, fault: Fault) -> Fault:
        """Give a fault that was found later, by its path alone, its line."""
        return self._fault(place_of(fault.path), fault.message, fault.path)

    def show(self, place: Place, value: object) -> str:
        """Describe what was found at `place` for a message."""
        reference = self.references.get(place)
        if reference is not None:
            return f"the text of `{reference}`"
        if isinstance(value, dict):
            return f"a mapping with {len(value)} entries"
        if isinstance(value, list):
            return f"a list with {len(value)} items"
        text = json.dumps(value, ensure_ascii=False, default=str)
        text = _CREDENTIALS.sub("…", text)
        return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"

    def finish(self) -> None:
        """Raise ConfigError when there is a fault, with all of them in file order.

        Where there are too many it holds the first ones, and one more that says so.
        """
        if self.faults:
            found = sorted(self.faults[: self._most], key=lambda fault: fault.line)
            more = [Fault("", 0, FURTHER)] if len(self.faults) > self._most else []
            raise ConfigError([*found, *more])

    @property
    def _most(self) -> int:
        # What stands in for a secret that is not looked up may have a fault that does not count.
        return MOST + len(self.references)

    def _fault(self, place: Place, message: str, path: str | None = None) -> Fault:
        for value, reference in self._secrets.items():
            # A last net: messages name references, but a policy's own words may quote its value.
            message = message.replace(value, reference)
        message = _CREDENTIALS_OF_ONE.sub("…", message)
        for depth in range(len(place), 0, -1):
            variable = self.variables.get(place[:depth])
            if variable is not None:
                rest = written(place[depth:])
                dot = "." if rest and not rest.startswith("[") else ""
                return Fault(variable + dot + rest, 0, message)
        where = written(place) if path is None else path
        return Fault(where, self.source.line(place), message)
