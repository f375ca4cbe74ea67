"""What the types cannot say of services: bounds that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.model.service import Service
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place


def check(draft: Draft, document: Document) -> None:
    """Complain about settings of services that cannot work."""
    for name, service in document.services.items():
        _check_bounds(draft, ("services", name), service)


def _check_bounds(draft: Draft, place: Place, service: Service) -> None:
    check, concurrency, retry = service.check, service.concurrency, service.retry
    _check_statuses(draft, (*place, "failure_statuses"), service.failure_statuses)
    if check is not None:
        _check_statuses(draft, (*place, "check", "statuses"), check.statuses)
    ejection = service.ejection
    if ejection is not None and ejection.time > ejection.max_time:
        message = f"found {ejection.time}; expected at most `max_time`, {ejection.max_time}"
        draft.complain((*place, "ejection", "time"), message)
    if check is not None and not check.interval:
        draft.complain((*place, "check", "interval"), "found 0; expected a time between checks")
    if check is not None and not check.timeout:
        draft.complain((*place, "check", "timeout"), "found 0; expected a bound for a check")
    if concurrency is not None and concurrency.min > concurrency.max:
        message = f"found {concurrency.min}; expected at most `max`, {concurrency.max}"
        draft.complain((*place, "concurrency", "min"), message)
    if retry.backoff > retry.max_backoff:
        message = f"found {retry.backoff}; expected at most `max_backoff`, {retry.max_backoff}"
        draft.complain((*place, "retry", "backoff"), message)


def _check_statuses(draft: Draft, place: Place, ranges: tuple[str, ...]) -> None:
    for position, each in enumerate(ranges):
        first, _, last = each.partition("-")
        if last and int(last) < int(first):
            draft.complain((*place, position), f"found {each}; expected `{last}-{first}`")
