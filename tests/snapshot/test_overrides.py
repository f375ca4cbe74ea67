from __future__ import annotations

from collections.abc import Iterator
from typing import get_args, get_origin, get_type_hints

import msgspec
import pytest

from sluicegate.settings import Settings
from sluicegate.snapshot.overrides import _FROM_KUBERNETES, variables
from support.configuration import faults_of, load_text

EMPTY = "routes: {}\n"


def test_every_setting_has_its_variable() -> None:
    known = variables()
    for path in (
        "GATEWAY_LISTEN",
        "GATEWAY_HTTP_HEADER_TIMEOUT",
        "GATEWAY_TLS_CLIENT_CA",
        "MANAGEMENT_LISTEN",
        "STATE_URL",
        "REGION_NAME",
        "DATA_DIR",
    ):
        assert f"SLUICEGATE_{path}" in known
    assert {v.place[0] for v in known.values()} == set(Settings.__struct_fields__)


def test_no_two_settings_share_a_variable() -> None:
    places = list(_places(Settings, ()))
    assert {variable.place for variable in variables().values()} == set(places)
    assert len(variables()) == len(places)


def _places(kind: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for member in () if get_origin(kind) is list else get_args(kind) or (kind,):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            for name, inner in get_type_hints(member).items():
                yield (*above, name)
                yield from _places(inner, (*above, name))


def test_a_variable_wins_over_the_file() -> None:
    text = EMPTY + "gateway: {listen: '127.0.0.1:1', http: {max_headers: 5, max_target: 1KiB}}\n"
    settings = load_text(
        text,
        {
            "SLUICEGATE_GATEWAY_LISTEN": "127.0.0.1:2",
            "SLUICEGATE_GATEWAY_HTTP_MAX_HEADERS": "7",
            "SLUICEGATE_GATEWAY_HTTP_HEADER_TIMEOUT": "250ms",
            "SLUICEGATE_GATEWAY_HEALTH": "off",
            "SLUICEGATE_GATEWAY_TRUSTED_PROXIES": "[10.0.0.0/8, '::1']",
            "SLUICEGATE_REGION_NAME": "no",
            "SLUICEGATE_DATA_DIR": "12",
        },
    ).settings
    http = settings.gateway.http
    assert settings.gateway.listen == "127.0.0.1:2"
    assert (http.max_headers, http.max_target, http.header_timeout) == (7, 1024, 0.25)
    assert settings.gateway.health is False
    assert settings.gateway.trusted_proxies == ["10.0.0.0/8", "::1"]
    assert (settings.region.name, settings.data_dir) == ("no", "12")


def test_a_group_can_be_given_whole_and_a_member_of_it_over_that() -> None:
    settings = load_text(
        EMPTY,
        {
            "SLUICEGATE_GATEWAY_DRAIN": "{grace: 1s, deadline: 2s}",
            "SLUICEGATE_GATEWAY_DRAIN_GRACE": "3s",
        },
    ).settings
    assert (settings.gateway.drain.grace, settings.gateway.drain.deadline) == (3, 2)


def test_a_reference_in_a_variable_is_resolved() -> None:
    environ = {"SLUICEGATE_REGION_NAME": "${env:WHERE}", "WHERE": "eu"}
    assert load_text(EMPTY, environ).settings.region.name == "eu"


def test_faults_name_the_variable() -> None:
    faults = faults_of(
        EMPTY,
        {
            "SLUICEGATE_GATEWAY_HTTP_MAX_HEADERS": "many",
            "SLUICEGATE_GATEWAY_TRUSTED_PROXIES": "[10.0.0.1/8]",
            "SLUICEGATE_GATEWAY_DRAIN": "{",
        },
    )
    assert {fault.line for fault in faults} == {0}
    assert {fault.path: fault.message for fault in faults} == {
        "SLUICEGATE_GATEWAY_HTTP_MAX_HEADERS": 'found "many"; expected a whole number',
        "SLUICEGATE_GATEWAY_TRUSTED_PROXIES[0]": 'found "10.0.0.1/8"; expected `10.0.0.0/8`',
        "SLUICEGATE_GATEWAY_DRAIN": "not valid YAML: did not find expected node content "
        "while parsing a flow node",
    }


def test_a_mistyped_variable_is_refused() -> None:
    (fault,) = faults_of(EMPTY, {"SLUICEGATE_GATEWAY_LISTENS": "x"})
    assert fault.path == "SLUICEGATE_GATEWAY_LISTENS"
    assert fault.message.endswith("did you mean `SLUICEGATE_GATEWAY_LISTEN`?")


@pytest.mark.parametrize(
    "name",
    [
        "SLUICEGATE_CONFIG",
        "SLUICEGATE_PORT",
        "SLUICEGATE_SERVICE_HOST",
        "SLUICEGATE_SERVICE_PORT_HTTP",
        "SLUICEGATE_PORT_8080_TCP_ADDR",
        "SLUICEGATE_MANAGEMENT_SERVICE_PORT",
        "SLUICEGATEWAY",
        "PATH",
    ],
)
def test_variables_of_others_are_left_alone(name: str) -> None:
    assert faults_of(EMPTY, {name: "tcp://10.0.0.1:80"}) == []


def test_no_setting_looks_like_a_variable_of_kubernetes() -> None:
    assert [name for name in variables() if _FROM_KUBERNETES.match(name)] == []


def test_a_variable_inside_something_of_the_wrong_type_leaves_its_fault_alone() -> None:
    (fault,) = faults_of(EMPTY + "gateway: 3\n", {"SLUICEGATE_GATEWAY_LISTEN": "x:1"})
    assert (fault.path, fault.line) == ("gateway", 2)


@pytest.mark.parametrize("name", ["SLUICEGATE_DATA_DIR", "SLUICEGATE_GATEWAY_HEALTH"])
def test_a_variable_that_is_not_utf_8_is_refused(name: str) -> None:
    (fault,) = faults_of(EMPTY, {name: "\udcff"})
    assert (fault.path, fault.message) == (name, "byte 0xff is not UTF-8; expected UTF-8 text")


def test_text_only_settings_take_what_yaml_would_not() -> None:
    settings = load_text(EMPTY, {"SLUICEGATE_DATA_DIR": "{übel"}).settings
    assert settings.data_dir == "{übel"
