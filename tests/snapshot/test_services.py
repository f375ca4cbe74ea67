from __future__ import annotations

from support.configuration import messages_of


def test_bounds_of_a_service_fit_together() -> None:
    text = """
services:
  a:
    targets: ['http://a']
    check: {interval: 0, timeout: 0, statuses: ["200", "299-200"]}
    failure_statuses: ["504-502"]
    ejection: {time: 10m}
    concurrency: {min: 20, max: 10}
    retry: {backoff: 1s}
"""
    assert messages_of(text) == {
        "services.a.failure_statuses[0]": "found 504-502; expected `502-504`",
        "services.a.check.statuses[1]": "found 299-200; expected `200-299`",
        "services.a.ejection.time": "found 10m; expected at most `max_time`, 5m",
        "services.a.check.interval": "found 0; expected a time between checks",
        "services.a.check.timeout": "found 0; expected a bound for a check",
        "services.a.concurrency.min": "found 20; expected at most `max`, 10",
        "services.a.retry.backoff": "found 1s; expected at most `max_backoff`, 250ms",
    }


def test_a_subset_has_somebody_in_it() -> None:
    text = """
services:
  a: {targets: [{url: 'http://a', labels: {version: v1, rack: x}}, 'http://b']}
routes:
  r:
    match: {}
    service:
      - {service: a, weight: 1, labels: {version: v1}}
      - {service: a, weight: 1, labels: {version: v2}}
"""
    assert messages_of(text) == {"routes.r.service[1].labels": "no target of `a` has these labels"}
