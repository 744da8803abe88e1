"""Stage finetune: train one model on one data set, epoch by epoch; a killed run continues after its last whole epoch."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from signal_perception import assembly, params, paths, stage, views, workers
from signal_perception.closure import code_hash
from signal_perception.data.batches import loader
from signal_perception.models import checkpoints
from signal_perception.progress import Progress
from signal_perception.scratch import Scratch, whole
from signal_perception.training import Trainer


def main(dataset: str, model: str) -> None:
    settings = params.load(paths.PARAMS)
    entry, recipe = settings.model(model), settings.model(model).recipe
    scratch = Scratch(
        f"finetune@{dataset}-{model}",
        settings=[
            params.plain(entry),
            params.plain(settings.finetune),
            settings.datasets[dataset].flip,
            settings.seed,
            settings.cpu_threads,
        ],
        inputs=[paths.clips(dataset, "train")],
        code=code_hash(Path(__file__), [f"signal_perception.models.{model}"]),
    )
    clips = views.train_clips(settings, dataset, model)
    classes = len(clips.store.classes)
    batches = loader(clips, recipe.batch, workers.count() - 1)
    trainer = Trainer(
        assembly.fresh_model(settings, model, classes, dataset),
        entry,
        classes=classes,
        steps=len(batches),
        precision=settings.finetune.precision,
        seed=settings.seed,
        run=f"{dataset}/{model}",
    )
    checkpoint = scratch.unit("checkpoint.pt")
    rows: list[dict] = []
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        rows = state["rows"]
        trainer.restore(state["trainer"])
    with Progress(recipe.epochs, f"finetune {dataset} {model}", "epoch", done=len(rows)) as progress:
        for number in range(len(rows), recipe.epochs):
            clips.set_epoch(number)
            rows.append(asdict(trainer.epoch(number, batches)))
            whole(checkpoint, lambda path: torch.save({"rows": rows, "trainer": trainer.state()}, path))
            progress.advance(note=f"loss {rows[-1]['loss']:.3f}, top-1 {rows[-1]['top1']:.1f} %")
    weights = scratch.unit("weights.safetensors")
    checkpoints.save(trainer.model, weights)
    whole(paths.curves(dataset, model), lambda path: pd.DataFrame(rows).to_csv(path, index=False))
    scratch.publish({weights: paths.weights(dataset, model)})


if __name__ == "__main__":
    stage.run(main)
