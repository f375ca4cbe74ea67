"""Redis or Valkey: can it be reached, what is it, does it throw counts away, what time has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.cli.examination.finding import Finding, skew
from sluicegate.errors import ConfigError, StateAway
from sluicegate.metrics import Metrics
from sluicegate.state.redis.address import Endpoint, StateAddress, parse_address
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.inquiry import Inquiry
from sluicegate.state.redis.resp import command

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.settings import State

ANSWER_S: Final = 2.0
SKEW_S: Final = 3600.0
"""Limits live by the server's clock alone; a clock this wrong shows up in `Retry-After`."""
OLDEST: Final = (6, 2)
_FIELD: Final = re.compile(rb"^([a-z_]+):([^\r\n]*)", re.MULTILINE)


async def state_findings(state: State, clock: Clock) -> list[Finding]:
    """Ask every server that `state.url` names or leads to. Never raises what a server caused."""
    address = parse_address(state.url)
    if address.kind == "memory":
        return [Finding("state", "ok", "memory://: limits are counted by this replica alone")]
    try:
        inquiry = Inquiry(_dial(state, address, clock), ANSWER_S)
        endpoints = address.endpoints
        findings: list[Finding] = []
        if address.kind == "sentinel":
            known = msgspec.structs.replace(
                state, username=state.sentinel_username, password=state.sentinel_password
            )
            endpoints, findings = await _primaries(_dial(known, address, clock), address)
        for endpoint in endpoints:
            findings += await _server(inquiry, endpoint, clock)
        inquiry.close()
    except ConfigError as error:
        return [Finding("state", "fault", str(error))]
    return findings


def _dial(state: State, address: StateAddress, clock: Clock) -> Dial:
    metrics = Metrics()
    seconds = CallCounts(clock, metrics, Watch(metrics)).seconds
    return Dial(state, clock, seconds, tls=address.tls, name="sluicegate-doctor")


async def _primaries(
    dial: Dial, address: StateAddress
) -> tuple[tuple[Endpoint, ...], list[Finding]]:
    """Ask each Sentinel for the primary; they should be of one mind."""
    asked, found, findings = Inquiry(dial, ANSWER_S), set(), []
    question = command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.primary)
    for endpoint in address.endpoints:
        what = f"sentinel {endpoint}"
        try:
            (answer,) = await asked.ask(endpoint, question)
        except StateAway as error:
            findings.append(Finding(what, "warning", f"cannot be asked: {error}"))
            continue
        if isinstance(answer, list):
            found.add(Endpoint(answer[0].decode(), int(answer[1])))
            findings.append(Finding(what, "ok", f"names {answer[0].decode()}:{int(answer[1])}"))
        else:
            findings.append(Finding(what, "fault", f"knows no primary `{address.primary}`"))
    asked.close()
    if len(found) != 1:
        seen = "Sentinels name different primaries" if found else "no Sentinel names the primary"
        findings.append(Finding("state", "fault", seen))
    return tuple(found), findings


async def _server(inquiry: Inquiry, endpoint: Endpoint, clock: Clock) -> list[Finding]:
    what = f"state {endpoint}"
    questions = [command("INFO", part) for part in ("server", "memory", "replication")]
    asked_us = clock.wall_us()
    try:
        *told, time = await inquiry.ask(endpoint, *questions, command("TIME"))
    except StateAway as error:
        return [Finding(what, "fault", f"cannot be asked: {error}")]
    fields = _fields(told)
    if not fields:
        return [Finding(what, "warning", "it tells nothing about itself (INFO is forbidden)")]
    findings = [_version(what, fields), _eviction(what, fields)]
    if fields.get("role") == "slave":
        findings.append(Finding(what, "fault", "it is a replica; expected a primary"))
    if isinstance(time, list):
        theirs = int(time[0]) * 10**6 + int(time[1])
        findings.append(skew(what, theirs, asked_us, clock.wall_us(), SKEW_S))
    return findings


def _fields(answers: list[Any]) -> dict[str, str]:
    text = b"\n".join(answer for answer in answers if isinstance(answer, bytes))
    return {found[1].decode(): found[2].decode(errors="replace") for found in _FIELD.finditer(text)}


def _version(what: str, fields: dict[str, str]) -> Finding:
    valkey = fields.get("valkey_version")
    written = valkey or fields.get("redis_version", "")
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", written)[:2])
    named = f"{'Valkey' if valkey else 'Redis'} {written}"
    if numbers < OLDEST:
        return Finding(what, "fault", f"{named}; expected 6.2 or newer")
    return Finding(what, "ok", named)


def _eviction(what: str, fields: dict[str, str]) -> Finding:
    policy = fields.get("maxmemory_policy", "not told")
    if policy == "noeviction":
        return Finding(what, "ok", "maxmemory-policy is noeviction")
    message = f"maxmemory-policy is {policy}; expected noeviction: limits would begin anew"
    return Finding(what, "warning", message)
