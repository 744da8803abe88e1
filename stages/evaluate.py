"""Stage evaluate: predictions of a fine-tuned model for every test video and every control."""

from functools import partial

from signal_perception.clips.store import ClipStore
from signal_perception.decode import table as decoding
from signal_perception.evaluate import run as scoring
from signal_perception.evaluate import tables
from signal_perception.evaluate.settings import Settings
from signal_perception.inference import scorer
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import stream, write_atomically


def main(dataset: str, model: str, seed: int) -> None:
    run = stage.start("evaluate", dataset, model, seed)
    settings = run.settings(Settings)
    clips, weights = run.dep("data/clips"), run.dep("data/weights")
    units = scoring.units(clips, run.scratch.path)
    stream(
        units,
        partial(scoring.score, settings, clips),
        label=f"evaluate {dataset} {model} {seed}",
        noun="block",
        prepare=partial(scorer.load, model, settings, weights, len(ClipStore(clips).classes)),
    )
    table = tables.predictions(clips, settings, units)
    metrics = tables.metrics(
        table,
        settings,
        dataset=dataset,
        model=model,
        weights=weights,
        dropped=decoding.dropped(decoding.read(run.dep("reports/decode")), "test"),
    )
    file = run.scratch.path / "predictions.parquet"
    table.to_parquet(file, index=False)
    write_atomically(
        run.out("reports/metrics"), lambda path: path.write_text(metrics, encoding="utf-8")
    )
    run.publish({"data/predictions": file})


if __name__ == "__main__":
    stage.run(main)
