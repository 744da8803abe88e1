"""Stage finetune: train one model on one data set, with the draws of one seed."""

from signal_perception.finetune.run import finetune
from signal_perception.finetune.settings import Settings
from signal_perception.pipeline import stage
from signal_perception.pipeline.params import START
from signal_perception.pipeline.units import write_atomically


def main(dataset: str, model: str, seed: int) -> None:
    run = stage.start("finetune", dataset, model, seed)
    start, weights = (run.scratch.path / f"{name}.safetensors" for name in ("start", "weights"))
    curve = finetune(
        run.settings(Settings),
        dataset,
        model,
        seed=seed,
        clips=run.dep("data/clips"),
        checkpoint=run.scratch.path / "checkpoint.pt",
        start=start,
        weights=weights,
    )
    write_atomically(run.out("reports/curves"), lambda path: curve.to_csv(path, index=False))
    run.publish({f"data/weights/{dataset}": weights, f"data/weights/{dataset}{START}": start})


if __name__ == "__main__":
    stage.run(main)
