"""Stage finetune: train one model on one data set, with the draws of one seed."""

import sys
from pathlib import Path

from signal_perception.clips import oddities
from signal_perception.clips.store import ClipStore
from signal_perception.finetune import processes, speed
from signal_perception.finetune.run import Files, finetune
from signal_perception.finetune.settings import Settings
from signal_perception.pipeline import stage
from signal_perception.pipeline.params import START


def main(dataset: str, model: str, seed: int) -> None:
    processes.begin_others(Path(__file__))
    run = stage.start("finetune", dataset, model, seed)
    settings, folder = run.settings(Settings), run.scratch.path
    files = Files(
        clips=run.dep("data/clips"),
        state=folder / "state.pt",
        start=folder / "start.safetensors",
        weights=folder / "weights.safetensors",
        curve=run.out("reports/curves"),
        log=speed.FOLDER / f"{dataset}-{model}-{seed}.csv",
    )
    with processes.joined() as own:
        pairs = oddities.mirrored(ClipStore(files.clips).classes)
        if own.first and settings.dataset.flip and pairs:
            print(oddities.said_of_mirrored(dataset, pairs), file=sys.stderr, flush=True)
        finetune(settings, dataset, model, seed, files, own)
        if own.first:
            outputs = {f"data/weights/{dataset}": files.weights}
            run.publish({**outputs, f"data/weights/{dataset}{START}": files.start})


if __name__ == "__main__":
    stage.run(main)
