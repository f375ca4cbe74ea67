"""TLS contexts towards targets are shared between equal settings and read again at a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.errors import ConfigError
from sluicegate.model.service import UpstreamTls
from sluicegate.upstream.contexts import ClientContexts
from support.certificates import Authority


def test_equal_settings_share_one_context() -> None:
    contexts = ClientContexts()
    assert contexts.of(UpstreamTls(verify=False)) is contexts.of(UpstreamTls(verify=False))
    assert contexts.of(UpstreamTls(verify=False)) is not contexts.of(UpstreamTls())


def test_a_reload_reads_the_files_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "first")
    pair = authority.issue(["client"])
    tls = UpstreamTls(certificate=str(pair.certificate), key=str(pair.key))
    contexts = ClientContexts()
    before = contexts.of(tls)
    contexts.reload()
    assert contexts.of(tls) is not before


def test_a_file_that_went_bad_keeps_what_was(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "first").issue(["client"])
    tls = UpstreamTls(certificate=str(pair.certificate), key=str(pair.key))
    contexts = ClientContexts()
    before = contexts.of(tls)
    Path(pair.key).write_text("no key")
    with pytest.raises(ConfigError, match="key"):
        contexts.reload()
    assert contexts.of(tls) is before
