"""Stage spectra: Fourier statistics of every tap, per video, and their means with intervals."""

from functools import partial

from signal_perception.extract.store import ActivationStore
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import finish, write_atomically
from signal_perception.spectra import per_bin, per_tap, per_video
from signal_perception.spectra import run as measuring
from signal_perception.spectra.settings import Settings
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str, weights: str) -> None:
    run = stage.start("spectra", dataset, model, weights)
    settings = run.settings(Settings)
    source = run.dep(f"data/activations/{dataset}/{model}/{weights}.zarr")
    store = ActivationStore(source)
    units = measuring.units(store, settings.spectra.preset, run.scratch.path)
    # a store that has the means leaves no unit
    finish(
        units,
        partial(measuring.measure, source),
        label=f"spectra {dataset} {model} {weights}",
        noun="tap",
    )
    measurements = measuring.Measurements(store, settings.spectra.preset, units)
    facts = store.facts
    draws = resamples(measurements.part.groups, settings.seed, settings.spectra.bootstrap)
    for table, place in ((per_bin.table, "spectra"), (per_tap.table, "depth")):
        rows = table(
            measurements,
            seconds_per_frame=facts.seconds_per_frame,
            resamples=draws,
            facts={"dataset": dataset, "model": model, "weights_sha256": facts.weights_sha256},
        )
        write_atomically(run.out(f"reports/tables/{place}"), partial(rows.to_csv, index=False))
    file = run.scratch.path / "per_video.parquet"
    per_video.write(measurements, file)
    run.publish({"data/spectra": file})


if __name__ == "__main__":
    stage.run(main)
