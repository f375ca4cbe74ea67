"""What a thief finds in a dump of the database, in the state, on disks and in logs."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from outages.outage import STORED, prepare, served
from outages.replica import Replica
from outages.report import Report
from outages.world import World
from support.ports import eventually

TEXT = "correct-horse-battery-staple-7c1f"
ROTATED = "another-horse-another-staple-93ad"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def secrecy(world: World) -> Report:
    """Make keys, tokens and secrets in every way there is, use them, and look for them."""
    report = Report("a dump of everything")
    replicas = world.site.crew(1, 2)
    known = {"the pepper": world.secrets.pepper, "the master key": world.secrets.master}
    known["the first token"] = world.secrets.token
    known |= _made(world, replicas)
    for replica in replicas:
        eventually(partial(_is_kept, replica), "it is kept on disk")
    places = {
        "database": dict(_rows(world)),
        "state": dict(_state(world)),
        "disks and logs": dict(_files(replica.folder for replica in replicas)),
    }
    report.note("secrets looked for", len(known))
    for place, contents in places.items():
        report.note(f"{place}: bytes looked at", sum(map(len, contents.values())))
        looked_into = any(b"/secret/**" in content for content in contents.values())
        report.must(looked_into, f"{place}: the stored route was not found either")
        for where, content in contents.items():
            for what, text in known.items():
                seen = _in_any_form(text, content)
                report.must(not seen, f"{place}: {what} is in {where}, {seen}")
    report.note("found in the clear", len(report.wrong))
    return report


def _made(world: World, replicas: list[Replica]) -> dict[str, str]:
    """Return what was made, by what it is."""
    admin = replicas[0].admin
    (first,) = prepare(world, replicas, 1)
    again = {"idempotency-key": '"once"'}
    once = admin.ask("POST", "/keys", json={"consumer": "ann"}, headers=again).json()
    replay = admin.ask("POST", "/keys", json={"consumer": "ann"}, headers=again).json()
    assert (replay["name"], replay["key"]) == (once["name"], None)
    turned = admin.ask("POST", f"/keys/{once['name']}/rotate", json={"overlap": "1h"}).json()
    token = admin.ask(
        "POST", "/tokens", json={"role": "viewer"}, headers={"idempotency-key": '"token"'}
    ).json()
    made = {
        "a key": first,
        "a key made with an idempotency key": once["key"],
        "a rotated key": turned["key"],
        "a token": token["token"],
    }
    for text in (TEXT, ROTATED):
        assert admin.ask("PUT", "/secrets/backend", json={"value": text}).is_success
    assert admin.ask("POST", "/secret-rotation").is_success
    _use_secret(replicas)
    for replica in replicas:
        for key in (once["key"], turned["key"]):
            served(replica, STORED, key)
    return made | {"a secret": TEXT, "a secret that was replaced": ROTATED}


def _is_kept(replica: Replica) -> bool:
    file = replica.folder / "data" / "store.snapshot"
    return file.exists() and b"/secret/**" in _unpacked(file.read_bytes())


def _use_secret(replicas: list[Replica]) -> None:
    """Have a stored route send the secret, so that it is in what runs."""
    spec = {
        "match": {"path": "/secret/**"},
        "service": "upstream",
        "policies": [{"headers": {"request": {"set": {"x-secret": "${secret:backend}"}}}}],
    }
    replicas[0].admin.put("/routes/secret", spec)
    for replica in replicas:
        served(replica, "/secret/x", None)


def _rows(world: World) -> Iterator[tuple[str, bytes]]:
    """Yield every table, all its rows as text."""
    for (table,) in world.server.execute(TABLES, world.site.database):
        rows = world.server.execute(f'SELECT t::text FROM "{table}" AS t', world.site.database)
        yield table, "\n".join(row for (row,) in rows).encode()


def _state(world: World) -> Iterator[tuple[str, bytes]]:
    """Yield every key of the state with what it holds, and what that is when it is unpacked."""
    with world.valkey.client() as client:
        for name in client.scan_iter("*"):
            match client.type(name):
                case b"string":
                    held = client.get(name) or b""
                case b"hash":
                    held = b"\n".join(
                        part for pair in client.hgetall(name).items() for part in pair
                    )
                case _:
                    held = client.dump(name) or b""
            yield name.decode(errors="replace"), name + b"\n" + held + _unpacked(held)


def _files(folders: Iterator[Path]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                yield str(path.relative_to(folder.parent)), content + _unpacked(content)


def _unpacked(content: bytes) -> bytes:
    """Return what is compressed in it, wherever it begins."""
    found = b""
    for start in range(min(len(content), 512)):
        if content[start : start + 1] == b"\x78":
            try:
                found += zlib.decompressobj().decompress(content[start:])
            except zlib.error:
                continue
    return found


def _in_any_form(text: str, content: bytes) -> str:
    raw = text.encode()
    forms = {
        "as it is": raw,
        "in hexadecimal": raw.hex().encode(),
        "in base64": base64.b64encode(raw).rstrip(b"=")[:-1],
        "its secret part": raw[-49:-6] if text.startswith("sg") else raw,
    }
    if len(raw) == 44 and raw.endswith(b"="):
        forms["as bytes"] = base64.b64decode(raw)
    return next((form for form, bytes_ in forms.items() if bytes_ in content), "")
