"""What extract and spectra cost, as ratios: `python -m benchmarks activations`.

    python -m benchmarks activations                     eight tiny models, 128 clips
    python -m benchmarks activations --size base         two base models, 16 clips; 20 minutes
    python -m benchmarks activations --only writers      one measurement

extraction  a pass that keeps activations or means ÷ one that keeps logits, decoding included
inputs      four inputs ÷ one, and how often frames are decoded
spectra     spectra from a store ÷ reading the store, and ÷ a plain loop in NumPy
memory      peaks of processes that extract
writers     our writer of shards beside zarr-python, zarrs and TensorStore, and readers

Both sides of a ratio take turns in one process; a figure is the median over rounds (smallest to
largest). Clips are the default study's for tiny models, 340×256 pixels in JPEG for others; weights
are random, arithmetic is float32 on the CPU. Files lie in the system's temporary folder.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks import stores, timing
from benchmarks.activations import memory, passes, spectra, writers
from benchmarks.subjects import ROOT, Subject
from signal_perception.clips.datasets import test_clips
from signal_perception.inference import device
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError

PARTS = ("extraction", "inputs", "spectra", "memory", "writers")
_BASE = ("timesformer_divided", "videomae_v1")


def main(
    size: Annotated[str, typer.Option(help="Of the models: tiny, base.")] = "tiny",
    models: Annotated[
        list[str] | None, typer.Option(help="Models [default: the study's; base: two].")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="[default: 5; base: 3]")] = None,
    clips: Annotated[int | None, typer.Option(help="[default: 128; base: 16]")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Of a model [default: the study's; base: all cores].")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)} [default: all].")
    ] = None,
) -> None:
    """Measure what activations, means and spectra cost on the CPU."""
    if unknown := set(only or ()) - set(PARTS):
        raise UserError(f"There is no part {unknown.pop()}; choose of {', '.join(PARTS)}.")
    study, tiny = params.load(ROOT), size == "tiny"
    device.fix_arithmetic(threads or (study.cpu_threads if tiny else None))
    names = models or (study.study.models if tiny else _BASE)
    count, times = clips or (128 if tiny else 16), rounds or (5 if tiny else 3)
    print(f"{count} clips, {times} rounds, {torch.get_num_threads()} threads, {timing.load()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = stores.of_shapes if tiny else stores.of_scenes
        store = make(folder / "clips", max(count, 32)).path
        for model in names:
            subject = Subject(model, size, study.models[model][size], torch.device("cpu"))
            for line in _lines(only or PARTS, subject, store, folder / model, count, times):
                print(line, flush=True)


def _lines(
    parts: Sequence[str], subject: Subject, clips: Path, folder: Path, count: int, rounds: int
) -> Iterator[str]:
    shown = test_clips(clips, subject.entry.input, seed=0)
    each: dict[str, Callable[[], Iterator[str]]] = {
        "extraction": partial(passes.extraction, subject, shown, folder, count, rounds),
        "inputs": partial(passes.inputs, subject, shown, count, rounds),
        "spectra": partial(spectra.measured, subject, shown, folder, count, rounds),
        "memory": partial(memory.peaks, subject, clips, max(count, 32)),
        "writers": partial(writers.compared, subject, shown, folder, rounds),
    }
    folder.mkdir()
    for part in PARTS:
        if part in parts:
            for line in each[part]():
                yield f"{subject.name} {subject.size}, {part}: {line}; {timing.load()}"
