"""Which names mean something."""

from __future__ import annotations

import pytest

from sluicegate.wire.http1.names import RequestField, RequestNames, ResponseField, ResponseNames


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"Accept", RequestField.PLAIN),
        (b"HOST", RequestField.HOST),
        (b"content-LENGTH", RequestField.CONTENT_LENGTH),
        (b"TE", RequestField.HOP),
        (b"Keep-Alive", RequestField.HOP),
        (b"X-Forwarded-Anything", RequestField.FORWARDED),
        (b"Forwarded", RequestField.FORWARDED),
        (b"Sluicegate-Consumer", RequestField.INTERNAL),
        (b"Sluicegate-Deployment", RequestField.PLAIN),  # of `model_overrides`
        (b"a_b", RequestField.UNDERSCORE),
        (b"Content_Length", RequestField.UNDERSCORE_TRICK),
        (b"transfer_encoding", RequestField.UNDERSCORE_TRICK),
        (b"X_Forwarded-For", RequestField.UNDERSCORE_TRICK),
        (b"sluicegate_consumer", RequestField.UNDERSCORE_TRICK),
    ],
)
def test_a_request_field_is_known_in_any_case(name: bytes, kind: RequestField) -> None:
    assert RequestNames()[name] == (name.lower(), kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"Server", ResponseField.PLAIN),
        (b"a_b", ResponseField.PLAIN),
        (b"DATE", ResponseField.DATE),
        (b"Trailer", ResponseField.HOP),
        (b"Proxy-Authenticate", ResponseField.PLAIN),
        (b"X-Request-Id", ResponseField.HOP),
    ],
)
def test_a_response_field_is_known_in_any_case(name: bytes, kind: ResponseField) -> None:
    assert ResponseNames()[name] == (name.lower(), kind)


@pytest.mark.parametrize("names", [RequestNames(), ResponseNames()])
def test_the_memory_for_names_is_bounded(names: RequestNames | ResponseNames) -> None:
    for number in range(names.room + 100):
        assert names[b"X-%d" % number] == (b"x-%d" % number, 0)
    assert len(names) == names.room
