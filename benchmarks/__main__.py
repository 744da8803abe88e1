"""Measure the project beside other ways to do its work: `make bench`.

    python -m benchmarks                     the light parts: decoding, loading, compression,
                                             forward_passes, poster
    python -m benchmarks decoding loading    some of them
    python -m benchmarks noise               cells of noise against plain loops (6 minutes)
    python -m benchmarks reference           rates for `plan`, from records of a finished study
    python -m benchmarks training            what loading costs a training run (minutes)
    python -m benchmarks report              the page of a full-size study, part by part (2 minutes)
    python -m benchmarks afar                one tap from each kind of remote (a minute)
    python -m benchmarks activations --help  what activations, means and spectra cost
    python -m benchmarks gpu --help          what a GPU makes of the project

The last two have options of their own.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain

from benchmarks import (
    afar,
    compression,
    decoding,
    forward_passes,
    loading,
    noise,
    noise_naive,
    noise_precision,
    poster,
    reference,
    report,
    training,
)
from signal_perception.pipeline import stage
from signal_perception.pipeline.errors import UserError

PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "decoding": decoding.measure,
    "loading": loading.measure,
    "compression": compression.measure,
    "poster": poster.measure,
    "forward_passes": lambda: chain(forward_passes.rates(), forward_passes.peers()),
    "noise": lambda: chain(noise.measure(), noise_naive.measure(), noise_precision.measure()),
    "training": training.measure,
    "reference": reference.measure,
    "report": report.measure,
    "afar": afar.measure,
}
# Parts that take minutes or write a file, measured where they are named.
_LONG = ("noise", "training", "reference", "report", "afar")
# Parts that are commands: benchmarks.<name>.command.
COMMANDS = ("activations", "gpu")


def main() -> None:
    names = sys.argv[1:] or [name for name in PARTS if name not in _LONG]
    if unknown := [name for name in names if name not in PARTS]:
        raise UserError(
            f"There is no part {unknown[0]}; choose of {', '.join(PARTS)}, or one of "
            f"{', '.join(COMMANDS)} alone with its options."
        )
    for name in names:
        for line in PARTS[name]():
            print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        command = import_module(f"benchmarks.{sys.argv[1]}.command")
        sys.argv = [f"benchmarks {sys.argv[1]}", *sys.argv[2:]]
        stage.run(command.main)
    else:
        try:
            main()
        except UserError as error:
            sys.exit(f"error: {error}")
