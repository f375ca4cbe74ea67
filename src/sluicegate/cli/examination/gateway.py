"""A running gateway: does it answer, what do its replicas run, which resources have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sluicegate import __version__
from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.exits import CommandFailed, Refusal
from sluicegate.cli.kinds import path_of
from sluicegate.cli.table import plain

if TYPE_CHECKING:
    from sluicegate.cli.client import Client

WHAT: Final = "gateway"
NAMED: Final = 10
"""Names in one line; after so many the number is enough."""
LOOKED_AT: Final = 10_000
FORBIDDEN: Final = 403
UNTOLD: Final = "(not told)"
"""Stands for a member of an answer that another version's gateway does not have."""
KINDS: Final = ("service", "plan", "team", "provider", "model", "route", "consumer")


def gateway_findings(client: Client) -> list[Finding]:
    """Ask the management port. Never raises what it answers."""
    findings: list[Finding] = []
    for look in (_info, _who, _replicas, _without_effect):
        try:
            findings += look(client)
        except Refusal as error:
            allowed = error.http_status != FORBIDDEN
            findings.append(Finding(WHAT, "fault" if allowed else "warning", str(error)))
        except CommandFailed as error:
            return [*findings, Finding(WHAT, "fault", str(error))]
    return findings


def _info(client: Client) -> Iterator[Finding]:
    version = client.ask("GET", "/info", base="/actuator").body.get("version")
    if version == __version__:
        yield Finding(WHAT, "ok", f"{client.url} runs version {version}")
    else:
        said = f"{client.url} runs version {version}, this command is {__version__}"
        yield Finding(WHAT, "warning", plain(said))


def _who(client: Client) -> Iterator[Finding]:
    who = client.get("/whoami")
    said = f"the token is {who.get('name', UNTOLD)}, {who.get('role', UNTOLD)}"
    yield Finding(WHAT, "ok", plain(said))


def _replicas(client: Client) -> Iterator[Finding]:
    replicas: list[dict[str, Any]] = client.get("/replicas").get("items", [])
    last = max((each.get("arrival", 0) for each in replicas), default=0)
    for each in replicas:
        name = plain(f"replica {each.get('replica', UNTOLD)}")
        version, behind = each.get("version", UNTOLD), last - each.get("arrival", last)
        if each.get("unfit"):
            seen = f"{each['unfit']} stored resources do not fit and are left out, see below"
            yield Finding(name, "fault", seen)
        elif version != __version__:
            yield Finding(name, "warning", plain(f"runs version {version}"))
        elif behind:
            yield Finding(name, "warning", f"has still to read {behind} of the newest revisions")
        else:
            yield Finding(name, "ok", plain(f"runs {each.get('revision') or 'nothing yet'}"))


def _without_effect(client: Client) -> Iterator[Finding]:
    """Find stored resources that do not run: shadowed by the gateway's file, or left out."""
    for kind in KINDS:
        items = [
            item
            for page in client.pages(path_of(kind), LOOKED_AT, source="store")
            for item in page["items"]
            if item.get("shadowed") or item.get("left_out")
        ]
        for item in [each for each in items if each.get("left_out")][:NAMED]:
            yield Finding(f"{kind} {item['name']}", "fault", plain(f"left out: {item['left_out']}"))
        names = [item["name"] for item in items if item.get("shadowed")]
        if names:
            shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
            seen = f"{len(names)} stored without effect, the file declares them too: {shown}"
            yield Finding(kind, "warning", plain(seen))
