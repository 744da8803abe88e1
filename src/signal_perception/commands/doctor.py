"""What is here, what is missing, and what to do about it."""

from pathlib import Path

import torch

from signal_perception.commands import checks
from signal_perception.decode.settings import RAW
from signal_perception.inference.networks import PRETRAINED
from signal_perception.pipeline import params
from signal_perception.pipeline.scratch import unfinished
from signal_perception.synthesise.settings import SyntheticSource


def doctor() -> bool:
    """Print devices, study, data sets, weights and problems; True if the study can run."""
    settings = params.load()
    _print_devices()
    study = settings.study
    print(
        f"study {study.name}: {', '.join(study.datasets)} × {', '.join(study.models)}, size "
        f"{study.size}, runs {', '.join(map(str, study.seeds))}"
    )
    _print_datasets(settings)
    _print_weights(settings)
    if stages := unfinished():
        print(f"half-done stages, which continue at the next run: {', '.join(stages)}")
    found = list(checks.problems(settings))
    for problem in found:
        print(f"problem: {problem}")
    print("the study can run" if not found else f"the study cannot run: {len(found)} to mend")
    return not found


def _print_devices() -> None:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    devices = ", ".join(gpus) or "no GPU; everything runs on the CPU"
    print(f"devices: {devices}, {torch.get_num_threads()} CPU threads")


def _print_datasets(settings: params.Params) -> None:
    for name, dataset in settings.datasets.items():
        folder = RAW / name
        if folder.is_dir():
            state = f"present at {folder}"
        elif isinstance(dataset.source, SyntheticSource):
            state = "made by the stage synthesise"
        else:
            state = f"absent; copy or link its folder to {folder}"
        print(f"data set {name}: {state}")


def _print_weights(settings: params.Params) -> None:
    """Weights of the study's models, and how many files the other sizes and models start from."""
    others: set[Path] = set()
    for name, sizes in settings.models.items():
        for size, entry in sizes.items():
            if entry.pretrained is None:
                continue
            path = PRETRAINED / entry.pretrained.file
            if name in settings.study.models and size == settings.study.size:
                absent = f"absent; get it from {entry.pretrained.source}"
                print(f"weights {name} {size}: {path}, {'present' if path.is_file() else absent}")
            else:
                others.add(path)
    present = sum(path.is_file() for path in others)
    print(f"weights of other models and sizes: {present} of {len(others)} files are present")
