from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.authenticate.pepper import Pepper


@given(secret=st.binary(min_size=1, max_size=200), key=st.binary(max_size=300))
def test_a_digest_is_the_hmac_of_the_library(secret: bytes, key: bytes) -> None:
    pepper = Pepper(secret, {})
    for _ in range(2):
        assert pepper.digest(key) == hmac.digest(secret, key, "sha256")


def test_a_digest_is_that_of_rfc_4231() -> None:
    """Test cases 2 and 6: a short secret, and one that is longer than a block."""
    short = Pepper(b"Jefe", {}).digest(b"what do ya want for nothing?")
    assert short.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    long = Pepper(b"\xaa" * 131, {}).digest(
        b"Test Using Larger Than Block-Size Key - Hash Key First"
    )
    assert long.hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
