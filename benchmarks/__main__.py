"""Run every benchmark: `make bench`.

Or only some: `python -m benchmarks decoding forward_passes`. Those of a GPU are apart:
`python -m benchmarks.gpu`.
"""

import sys
from collections.abc import Iterator
from itertools import chain

from benchmarks import compression, decoding, forward_passes, loading


def lines() -> Iterator[str]:
    parts = {
        "decoding": decoding.measure,
        "loading": loading.measure,
        "compression": compression.measure,
        "forward_passes": lambda: chain(forward_passes.rates(), forward_passes.peers()),
    }
    for name in sys.argv[1:] or parts:
        yield from parts[name]()


for line in lines():
    print(line, flush=True)
