"""The port of the reference's value definition: fixed points stated with the reference."""

import hashlib

import numpy as np

from tests.support import fill


def test_fixed_points() -> None:
    assert fill.base("a") == 0x2C3DEBBC7335B4EE
    stated = [0x7DC902F0FB80D5DD, 0x35F3C9EA849F2AB1, 0xA9C6B64D3843FDBB]
    assert fill.hashes("a", range(3)).tolist() == stated
    clip = fill.clips("a", 4, 8, 8)
    assert clip.dtype == np.float32
    assert hashlib.sha256(clip.tobytes()).hexdigest() == (
        "be71209d6e16c15e3bbd0120ab2c603c4e36188a08a428f892e12cd935c4cf21"
    )
