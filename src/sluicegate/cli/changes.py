"""How changes are shown before and after they are made: as `diff` prints them and `apply` asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from sluicegate.cli.exits import CommandFailed, Refusal
from sluicegate.cli.table import compact, plain

if TYPE_CHECKING:
    from sluicegate.cli.declaration import Declaration
    from sluicegate.cli.remote import Session

Change = dict[str, Any]
"""`{"kind", "name", "action", "diff": [{"path", "before", "after"}]}`, as the API answers it."""

SIGNS: Final = {"create": "+", "delete": "-"}
_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow"}
_LONGEST: Final = 200


def send(session: Session, declaration: Declaration, *, prune: bool, dry_run: bool) -> list[Change]:
    """Apply a declaration, or only ask what that would do. Raises CommandFailed.

    Faults that the gateway finds are told with the file and line that they are in.
    """
    count = sum(len(held or ()) for held in declaration.resources.values())
    what = "looks at" if dry_run else "applies"
    try:
        with session.output.working(f"the gateway {what} {count} resources, in one request"):
            answer = session.client.ask(
                "POST",
                "/apply",
                body={"resources": declaration.resources, "prune": prune},
                query={"dry_run": "true"} if dry_run else None,
            )
    except Refusal as error:
        if not error.faults:
            raise
        lines = [plain(f"{declaration.locate(p)}: {message}") for p, message in error.faults]
        raise CommandFailed(error.status, str(error), lines) from None
    changes: list[Change] = answer.body["changes"]
    return changes


def shown(changes: Sequence[Change]) -> Iterator[str]:
    """Yield lines that tell of changes: `+` made, `~` changed, `-` deleted."""
    for change in changes:
        sign = SIGNS.get(change["action"], "~")
        title = f"{sign} {change['kind']} {change['name']}".rstrip()
        yield typer.style(plain(title), fg=_COLOURS[sign], bold=True)
        for each in _details(change, sign):
            yield f"    {each}"


def summary(changes: Sequence[Change], *, done: bool = False) -> str:
    """Count changes: `1 to create, 2 to change, 0 to delete`; once done, `1 created, …`."""
    signs = [SIGNS.get(each["action"], "~") for each in changes]
    named = (("+", "create"), ("~", "change"), ("-", "delete"))
    return ", ".join(
        f"{signs.count(sign)} {what}d" if done else f"{signs.count(sign)} to {what}"
        for sign, what in named
    )


def _details(change: Change, sign: str) -> Iterator[str]:
    """Tell what is different within one; of what is deleted the name is enough."""
    if sign == "-":
        return
    for each in change.get("diff") or ():
        path, before, after = each["path"], each.get("before"), each.get("after")
        where = f"{plain(path)}: " if path else ""
        if before is None:
            yield where + _short(after)
        elif after is None:
            yield f"{where}{_short(before)} is taken out"
        else:
            yield f"{where}{_short(before)} -> {_short(after)}"


def _short(value: object) -> str:
    text = compact(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
