"""Run every benchmark: `make bench`."""

from benchmarks import store_reads

print(store_reads.measure())
