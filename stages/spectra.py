"""Stage spectra: Fourier statistics of every tap, per video, and their means with intervals."""

from functools import partial

from signal_perception.extract.store import ActivationStore
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import finish, write_atomically
from signal_perception.spectra import per_bin, per_tap, per_video
from signal_perception.spectra.run import Measurements, measure, units
from signal_perception.spectra.settings import Settings
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str, weights: str, seed: int) -> None:
    run = stage.start("spectra", dataset, model, weights, seed)
    settings = run.settings(Settings)
    label = f"spectra {dataset} {model} {weights} {seed}"

    def measured(whose: str, own: Measurements | None = None) -> Measurements:
        source = run.dep(f"data/activations/{dataset}/{model}/{whose}-{seed}.zarr")
        store = ActivationStore(source)
        store.require_weights(f"{whose}/{model}-{seed}")
        taps = units(store, settings.spectra.preset, run.scratch.path / whose)
        # a store that has the means leaves no unit
        finish(taps, partial(measure, source), label=label, noun="tap")
        return Measurements(store, settings.spectra.preset, taps, own)

    found = measured(weights, None if weights == dataset else measured(dataset))
    draws = resamples(found.part.groups, settings.seed, settings.spectra.bootstrap)
    names = {"dataset": dataset, "model": model, "weights": weights}
    for table, place in ((per_bin.table, "spectra"), (per_tap.table, "depth")):
        rows = table(
            found,
            seconds_per_frame=found.facts.seconds_per_frame,
            resamples=draws,
            facts={**names, "weights_sha256": found.facts.weights_sha256},
        )
        # nine digits say all that float32 sums can, and keep the tables small in Git
        write = partial(rows.to_csv, index=False, float_format="%.9g")
        write_atomically(run.out(f"reports/tables/{place}"), write)
    file = run.scratch.path / "per_video.parquet"
    per_video.write(found, file)
    run.publish({"data/spectra": file})


if __name__ == "__main__":
    stage.run(main)
