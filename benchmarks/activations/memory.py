"""Peak memory of processes that extract, beside what they have to hold."""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from benchmarks import work
from benchmarks.subjects import ROOT, Subject
from signal_perception.clips.datasets import test_clips
from signal_perception.extract import shards
from signal_perception.inference.batch import ON_CPU
from signal_perception.pipeline import params

_MODES = ("activations", "means")


def peaks(subject: Subject, clips: Path, count: int) -> Iterator[str]:
    """A line per mode, each from a process of its own."""
    for mode in _MODES:
        asked = [subject.name, subject.size, str(clips), mode, str(count)]
        command = [sys.executable, "-m", "benchmarks.activations.memory", *asked]
        done = subprocess.run(
            [*command, str(torch.get_num_threads())], capture_output=True, text=True, cwd=ROOT
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        mb = {name: size / 1e6 for name, size in json.loads(done.stdout).items()}
        allowed = mb["model"] + mb["clips"] + mb["activations"] + mb["shards"]
        yield (
            f"{mode} of {count} clips peaks at {mb['peak']:.0f} MB, "
            f"{mb['peak'] - mb['libraries']:.0f} above the libraries' {mb['libraries']:.0f}; "
            f"model {mb['model']:.0f} + batch of clips {mb['clips']:.0f} + its activations on disk "
            f"{mb['activations']:.0f} + two shards {mb['shards']:.0f} = {allowed:.0f}"
        )


def _measure(name: str, size: str, clips: Path, mode: str, count: int) -> dict[str, int]:
    """Bytes: peak of this process, of its libraries, model, batch and two shards."""
    entry = params.load(ROOT).models[name][size]
    libraries = psutil.Process().memory_info().rss
    subject = Subject(name, size, entry, torch.device("cpu"))
    each = work.of(subject, test_clips(clips, entry.input, seed=0))
    with tempfile.TemporaryDirectory() as folder:
        if mode == "logits":
            each.bare(count)
        elif mode == "means":
            each.means(count, Path(folder) / "means")
        else:
            each.activations(count, each.make_store(count, Path(folder) / "activations.zarr"))
    t, h, w = subject.shape
    largest = max(int(torch.tensor(tap.shape).prod()) for tap in each.facts)
    rows = shards.rows(count, largest, "float16")
    return {
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "libraries": libraries,
        "model": sum(p.numel() * p.element_size() for p in each.scorer.model.parameters()),
        # uint8, and float32 once normalised
        "clips": ON_CPU * t * h * w * 3 * 5,
        "activations": ON_CPU * each.clip_bytes,
        "shards": 2 * rows * shards.record(largest, "float16"),
    }


if __name__ == "__main__":
    _, model, size, clips, mode, count, threads = sys.argv
    torch.set_num_threads(int(threads))
    print(json.dumps(_measure(model, size, Path(clips), mode, int(count))))
