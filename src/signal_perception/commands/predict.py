"""Videos through a model with weights: of the study, of a file by mail, or foreign."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from signal_perception.api.model import LoadedModel, load_model
from signal_perception.api.videos import Prediction, listed
from signal_perception.api.videos import predict as predicted
from signal_perception.commands import output
from signal_perception.commands.place import shown

_OK = "ok"


def predict(videos: Sequence[Path], *, top: int, as_json: bool, **model: Any) -> bool:
    """Print the `top` best classes of each video, or why it was refused; False if any was.

    model: what `load_model` asks for.
    """
    # a wrong path is told before weights are read
    paths = listed(videos)
    loaded = load_model(**model)
    found = predicted(loaded, paths, top)
    if as_json:
        every = list(found)
        output.as_json({**_facts(loaded), "videos": [_plain(each) for each in every]})
        return not any(each.refused for each in every)
    print(_said(loaded))
    if not loaded.trained:
        print(
            f"{shown(loaded.weights)} holds weights from before the first step of training: do not "
            "believe what follows.",
            file=sys.stderr,
        )
    every = list(_shown(found))
    refused = [each for each in every if each.refused]
    if refused:
        print(f"{len(refused)} of {len(every)} videos refused:", file=sys.stderr)
        for each in refused:
            print(f"  {shown(each.video)}: {each.verdict}", file=sys.stderr)
    return not refused


def _shown(found: Iterable[Prediction]) -> Iterator[Prediction]:
    """Print each prediction as soon as it is there."""
    console = Console(highlight=False) if sys.stdout.isatty() else None
    for each in found:
        if console is not None:
            _bars(console, each)
        elif not each.refused:
            classes = ", ".join(f"{name} {_percent(share)}" for name, share in each.best)
            print(f"{shown(each.video)}{_note(each)}: {classes}", flush=True)
        yield each


def _bars(console: Console, each: Prediction) -> None:
    # Text and not str: brackets in a file name are no markup
    console.print(Text(f"{shown(each.video)}{_note(each)}", style="bold"))
    if each.refused:
        return
    width = max(len(name) for name, _ in each.best)
    for name, share in each.best:
        line = Text(f"  {name.ljust(width)}  ")
        line.append(output.bar(share, 30), style="cyan")
        line.append(f" {_percent(share):>7}")
        console.print(line)


def _said(model: LoadedModel) -> str:
    """One line: whose predictions these are."""
    run = f" trained on {model.dataset}, seed {model.seed}" if model.dataset else ""
    views, input = model.reading.views, model.input
    clips = "1 clip" if views.clips == 1 else f"{views.clips} clips"
    crops = "1 crop" if views.crops == 1 else f"{views.crops} crops"
    return (
        f"{model.name}{run}: {len(model.classes)} classes, {clips} of {input.frames} frames of "
        f"{input.size} pixels, {crops}, weights {shown(model.weights)}"
    )


def _note(each: Prediction) -> str:
    return "" if each.verdict == _OK else f" ({each.verdict})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _facts(model: LoadedModel) -> dict[str, Any]:
    return {
        "model": model.name,
        "weights": shown(model.weights),
        "dataset": model.dataset,
        "seed": model.seed,
        "trained": model.trained,
        "classes": len(model.classes),
        "clips": model.reading.views.clips,
        "crops": model.reading.views.crops,
    }


def _plain(each: Prediction) -> dict[str, Any]:
    return {
        "video": shown(each.video),
        "verdict": each.verdict,
        "top": [{"class": name, "probability": share} for name, share in each.best],
    }
