"""Stage spectra: temporal spectra of every tap, per video, and their means with intervals."""

from functools import partial

from signal_perception.extract.store import ActivationStore
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import finish, write_atomically
from signal_perception.spectra import run as measuring
from signal_perception.spectra import tables
from signal_perception.spectra.settings import Settings
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str) -> None:
    run = stage.start("spectra", dataset, model)
    settings = run.settings(Settings)
    source = run.dep("data/activations")
    store = ActivationStore(source)
    units = measuring.units(store, settings.spectra.preset, run.scratch.path)
    finish(
        units,
        partial(measuring.measure, source, settings.spectra),
        label=f"spectra {dataset} {model}",
        noun="tap",
    )
    facts = store.facts
    table = tables.summary(
        units,
        clips=facts.clips,
        seconds_per_frame=facts.seconds_per_frame,
        resamples=resamples(facts.groups, settings.seed, settings.spectra.bootstrap),
        facts={"dataset": dataset, "model": model, "weights_sha256": facts.weights_sha256},
    )
    file = run.scratch.path / "per_video.parquet"
    tables.write_per_video(units, facts.ids, facts.clips, file)
    write_atomically(run.out("reports/tables"), lambda path: table.to_csv(path, index=False))
    run.publish({"data/spectra": file})


if __name__ == "__main__":
    stage.run(main)
