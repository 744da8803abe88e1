"""Stage extract: activations of every tap, for the test clips and their controls."""

from functools import partial

from signal_perception.clips.store import ClipStore
from signal_perception.extract import run as extraction
from signal_perception.extract.settings import Settings
from signal_perception.inference import scorer
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import finish


def main(dataset: str, model: str) -> None:
    run = stage.start("extract", dataset, model)
    settings = run.settings(Settings)
    clips, weights = run.dep("data/clips"), run.dep("data/weights")
    load = partial(scorer.load, model, settings, weights, len(ClipStore(clips).classes))
    store = run.scratch.path / "activations.zarr"
    if not store.is_dir():
        extraction.create(settings, model, clips, weights, load(), store)
    finish(
        extraction.units(clips, settings.extract, run.scratch.path),
        partial(extraction.extract, settings, model, clips, store),
        label=f"extract {dataset} {model}",
        noun="shard",
        prepare=load,
    )
    run.publish({"data/activations": store})


if __name__ == "__main__":
    stage.run(main)
