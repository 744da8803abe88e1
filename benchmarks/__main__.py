"""Run every benchmark: `make bench`, or only some: `python -m benchmarks forward_passes`."""

import sys
from collections.abc import Iterator

from benchmarks import forward_passes, store_reads


def lines() -> Iterator[str]:
    chosen = sys.argv[1:] or ["store_reads", "forward_passes"]
    if "store_reads" in chosen:
        yield store_reads.measure()
    if "forward_passes" in chosen:
        yield from forward_passes.rates()
        yield from forward_passes.peers()


for line in lines():
    print(line, flush=True)
