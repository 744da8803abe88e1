"""The command signal-perception: what is here, what is missing, and the study in one call."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from signal_perception import assembly, checks, classification, lanes, models, params, paths, stage
from signal_perception.errors import UserError
from signal_perception.models.taps import capture

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command("models")
def list_models() -> None:
    """List the models: entries in params.yaml, parameters, taps, components that noise can disturb."""
    settings = params.load(paths.PARAMS)
    for name in models.names():
        sizes = settings.models.get(name)
        if not sizes:
            print(f"{name}: no entry in params.yaml")
            continue
        for size in sizes:
            model = assembly.outline(_at_size(settings, size), name, classes=400)
            count = sum(parameter.numel() for parameter in model.parameters())
            print(f"{name} {size}: {count / 1e6:.2f} M parameters, {len(models.taps(name, model))} taps")
            print(f"  components: {', '.join(models.components(name, model))}")


@app.command("taps")
def list_taps(model: str, size: str = "tiny") -> None:
    """List where MODEL is listened to, in execution order, with the shape (time height width channel) of one clip's activation."""
    settings = _at_size(params.load(paths.PARAMS), size)
    if model not in settings.models or size not in settings.models[model]:
        raise UserError(f"params.yaml has no models.{model}.{size}; it has {_entries(settings)}.")
    network = assembly.outline(settings, model, classes=400).eval()
    entry = settings.model(model).input
    with torch.device("meta"), capture(network, models.taps(model, network)) as heard:
        network(torch.empty(1, 3, entry.frames, entry.size, entry.size))
    for tap in models.taps(model, network):
        print(
            f"{tap.name:28} {tap.kind:14} block {tap.block:<3} {tap.side:7} {tap.module:32} {tuple(heard[tap.name].shape[1:])}"
        )


@app.command()
def doctor() -> None:
    """Say which devices, data sets and weights are present, and what to do about what is missing; exit code 1 if the study cannot run."""
    settings = params.load(paths.PARAMS)
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    print(f"devices: {', '.join(gpus) or 'no GPU; everything runs on the CPU'}, {torch.get_num_threads()} CPU threads")
    print(
        f"study: {', '.join(settings.study.datasets)} × {', '.join(settings.study.models)}, size {settings.study.size}"
    )
    for name, dataset in settings.datasets.items():
        folder = paths.raw(name)
        made = isinstance(dataset.source, params.SyntheticSource)
        absent = "made by the stage synthesise" if made else f"absent; copy or link its folder to {folder}"
        print(f"data set {name}: {'present at ' + str(folder) if folder.is_dir() else absent}")
    for name, sizes in settings.models.items():
        for size, entry in sizes.items():
            if entry.pretrained is not None:
                path = paths.PRETRAINED / entry.pretrained.file
                found = "present" if path.is_file() else f"absent; get it from {entry.pretrained.source}"
                print(f"weights {name} {size}: {path}, {found}")
    unfinished = sorted(folder.name for folder in paths.SCRATCH.glob("*") if folder.is_dir())
    if unfinished:
        print(f"half-done stages, which continue at the next run: {', '.join(unfinished)} (in {paths.SCRATCH})")
    found = list(checks.problems(settings))
    for problem in found:
        print(f"problem: {problem}")
    print("the study can run" if not found else f"the study cannot run: {len(found)} to mend")
    raise typer.Exit(1 if found else 0)


@app.command()
def repro(
    at_once: Annotated[
        int | None,
        typer.Option("--lanes", min=1, help="Stages at the same time [default: one per GPU, or what the cores allow]"),
    ] = None,
) -> None:
    """Check the study, then bring every stage that changed up to date (dvc repro)."""
    settings = params.load(paths.PARAMS)
    for problem in checks.problems(settings):
        raise UserError(problem)
    gpus = torch.cuda.device_count()
    at_once = at_once or lanes.fitting(settings.cpu_threads, gpus)
    if at_once > 1:
        lanes.repro(at_once, gpus)
    elif subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode != 0:
        raise UserError("A stage failed (its message stands above); mend it and run again: finished work is kept.")
    print(f"The report is at {paths.PAGE.resolve()}")


@app.command()
def classify(
    videos: Annotated[list[Path], typer.Argument(help="Video files.")],
    model: Annotated[str, typer.Option(help="Model with an entry in params.yaml.")],
    weights: Annotated[Path, typer.Option(help="Weights of that model, in any layout it knows.")],
    labels: Annotated[Path, typer.Option(help="Text file with one class name per line, in the order of the logits.")],
    size: str = "base",
    top: Annotated[int, typer.Option(min=1, help="Classes to print for each video.")] = 3,
) -> None:
    """Print the best classes of each video, decoded, sampled and cropped as in the study."""
    settings = _at_size(params.load(paths.PARAMS), size)
    if model not in settings.models or size not in settings.models[model]:
        raise UserError(f"params.yaml has no models.{model}.{size}; it has {_entries(settings)}.")
    if not labels.is_file():
        raise UserError(f"There is no file of labels {labels}; give one class name per line.")
    names = [line.strip() for line in labels.read_text(encoding="utf-8").splitlines() if line.strip()]
    for path, scores in classification.classify(settings, model, weights, videos, len(names)):
        if isinstance(scores, str):
            print(f"{path}: {scores}")
            continue
        best = np.argsort(-scores, kind="stable")[:top]
        print(f"{path}: " + ", ".join(f"{names[index]} {scores[index]:.3f}" for index in best))


def _at_size(settings: params.Params, size: str) -> params.Params:
    if size not in ("tiny", "base"):
        raise UserError(f"There is no size {size!r}; there are tiny and base.")
    return settings.model_copy(update={"study": settings.study.model_copy(update={"size": size})})


def _entries(settings: params.Params) -> str:
    return ", ".join(f"models.{name}.{size}" for name, sizes in settings.models.items() for size in sizes)


def main() -> None:
    """Entry point."""
    stage.run(app)
