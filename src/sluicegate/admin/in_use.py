"""Who names what is to be deleted, among those that no snapshot holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sluicegate.admin.changes import NAMED_BY, columns
from sluicegate.errors import CONFLICT, Refused
from sluicegate.store.contract import CONFIGURATION

if TYPE_CHECKING:
    from sluicegate.store.contract import Revision, Store

Changing = Mapping[tuple[str, str], bytes | None]
"""Contents that are to be, None for what is deleted, by kind and name."""

ROWS: Final = 1000
"""Revisions that are read at a time."""


async def refuse_if_used(store: Store, kind: str, name: str, changing: Changing) -> None:
    """Raise Refused (409) naming one that would still name a plan, team or secret afterwards.

    A service that a route uses, and the like, is found when the whole is looked at.
    """
    user = None
    if kind in NAMED_BY:
        user = await _user(store, kind, name, changing)
    elif kind == "secret":
        user = await _user_of_secret(store, name, changing)
    if user is not None:
        detail = f"the {user[0]} {user[1]} still names the {kind} {name}"
        raise Refused(CONFLICT, detail)


async def every(store: Store, kind: str, **which: Any) -> AsyncIterator[Revision]:  # noqa: ANN401 - of Store.listing
    """Yield all living revisions of a kind, in order of names; `which` as `Store.listing` does."""
    after = ""
    while True:
        page = await store.listing(kind, after=after, limit=ROWS, **which)
        for revision in page:
            yield revision
        if len(page) < ROWS:
            return
        after = page[-1].name


async def _user(store: Store, kind: str, name: str, changing: Changing) -> tuple[str, str] | None:
    for by in NAMED_BY[kind]:
        which: dict[str, Any] = {"plan": name} if kind == "plan" else {"owners": [name]}
        async for revision in every(store, by, **which):
            item = (by, revision.name)
            owner, plan = columns(by, changing.get(item, revision.content))
            if name == (plan if kind == "plan" else owner):
                return item
    return None


async def _user_of_secret(store: Store, secret: str, changing: Changing) -> tuple[str, str] | None:
    reference = f"${{secret:{secret}}}".encode()
    for revision in (await store.current(sorted(CONFIGURATION - {"secret"}))).revisions:
        item = (revision.kind, revision.name)
        if reference in (changing.get(item, revision.content) or b""):
            return item
    return None
