from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.units import Duration
from sluicegate.settings.store import Store, StoreTls
from sluicegate.store.address import StoreAddress, parse_address, store_faults


def postgresql(*places: tuple[str, int], database: str = "gate") -> StoreAddress:
    hosts, ports = zip(*places, strict=True)
    return StoreAddress("postgresql", hosts=hosts, ports=ports, database=database)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("none", StoreAddress("none")),
        ("sqlite:///sluicegate.db", StoreAddress("sqlite", path="sluicegate.db")),
        ("sqlite:////var/lib/gate.db", StoreAddress("sqlite", path="/var/lib/gate.db")),
        ("postgresql://db/gate", postgresql(("db", 5432))),
        ("postgresql://10.0.0.5:6000/gate", postgresql(("10.0.0.5", 6000))),
        ("postgresql://[::1]:6000/gate", postgresql(("::1", 6000))),
        ("postgresql://a:1,b:2/gate", postgresql(("a", 1), ("b", 2))),
        ("postgresql://%2Frun%2Fpostgresql/gate", postgresql(("/run/postgresql", 5432))),
        ("postgresql://db/the%20gate", postgresql(("db", 5432), database="the gate")),
    ],
)
def test_an_address_is_what_its_url_says(url: str, expected: StoreAddress) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///:memory:", "expected a file"),
        ("postgresql://db", "expected the name of one database"),
        ("postgresql://db/", "expected the name of one database"),
        ("postgresql://db/a/b", "expected the name of one database"),
        ("postgresql:///gate", "expected `host:port`"),
        ("postgresql://db:0/gate", "found port 0"),
        ("postgresql://db:65536/gate", "found port 65536"),
        ("postgresql://run%2Fpostgresql/gate", "expected an absolute folder"),
        ("mysql://db/gate", "expected `none`"),
    ],
)
def test_what_cannot_be_an_address_is_refused_with_what_to_write(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_address(url)
    assert store_faults(Store(url=url))[0][0] == "url"


def test_a_relative_file_stands_in_the_data_folder() -> None:
    assert parse_address("sqlite:///a.db").file("/data") == Path("/data/a.db")
    assert parse_address("sqlite:////b/a.db").file("/data") == Path("/b/a.db")


@pytest.mark.parametrize(
    ("places", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1,[::1]", True),
        ("%2Frun", True),
        ("10.0.0.5", False),
        ("localhost,db", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_and_sockets_are_this_machine(places: str, *, is_here: bool) -> None:
    assert parse_address(f"postgresql://{places}/gate").is_here is is_here


URL = "postgresql://db/gate"


@pytest.mark.parametrize(
    ("store", "field"),
    [
        (Store(url=URL), "username"),
        (Store(url=URL, username="gate", timeout=Duration(0)), "timeout"),
        (Store(url=URL, username="gate", connect_timeout=Duration(0)), "connect_timeout"),
        (Store(url=URL, username="gate", poll=Duration(0)), "poll"),
        (Store(url=URL, username="gate", tls=StoreTls(certificate="a.pem")), "tls"),
        (Store(username="gate"), "username"),
        (Store(password="secret"), "password"),
    ],
)
def test_settings_that_do_not_fit_together_are_faults(store: Store, field: str) -> None:
    assert [found for found, _ in store_faults(store)] == [field]
    assert "secret" not in str(store_faults(store))


def test_the_settings_that_come_with_it_have_no_fault() -> None:
    assert store_faults(Store()) == []
    assert store_faults(Store(url="none")) == []
    assert store_faults(Store(url=URL, username="gate", password="secret")) == []


@given(st.text("abc:/@%2F[],.0159- \0\n?#", max_size=30))
def test_every_text_is_an_address_or_a_value_error(text: str) -> None:
    for url in (text, f"postgresql://{text}", f"sqlite:///{text}"):
        try:
            address = parse_address(url)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - most texts are none, some are
        else:
            assert all(0 < port < 65536 for port in address.ports)
            assert len(address.hosts) == len(address.ports)
