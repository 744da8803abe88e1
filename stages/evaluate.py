"""Stage evaluate: predictions of a fine-tuned model for every test video and every control."""

import json
import sys
from functools import partial

from signal_perception.clips.store import ClipStore
from signal_perception.decode import table as decoding
from signal_perception.evaluate import run as scoring
from signal_perception.evaluate import tables
from signal_perception.evaluate.breakdown import breakdown
from signal_perception.evaluate.judged import judged
from signal_perception.evaluate.metrics import metrics, said
from signal_perception.evaluate.settings import Settings
from signal_perception.inference import scorer
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import stream, write_atomically


def main(dataset: str, model: str, seed: int) -> None:
    run = stage.start("evaluate", dataset, model, seed)
    settings, label = run.settings(Settings), f"evaluate {dataset} {model} {seed}"
    clips, weights = run.dep("data/clips"), run.dep("data/weights")
    units = scoring.units(clips, run.scratch.path)
    stream(
        units,
        partial(scoring.score, settings, clips),
        label=label,
        noun="block",
        prepare=partial(scorer.load, model, settings, weights, len(ClipStore(clips).classes)),
    )
    table = tables.predictions(clips, settings, units)
    own = judged(table, settings.seed)
    listed = decoding.listed(decoding.read(run.dep("reports/decode")), "test")
    names = {"dataset": dataset, "model": model}
    found = metrics(table, own, settings, **names, weights=weights, listed=listed)
    for line in said(found, label):
        print(line, file=sys.stderr, flush=True)
    text = json.dumps(found, indent=2, allow_nan=False) + "\n"
    write_atomically(
        run.out("reports/metrics"), lambda path: path.write_text(text, encoding="utf-8")
    )
    for folder, part in breakdown(own).items():
        write_atomically(
            run.out(f"reports/tables/{folder}"),
            lambda path, part=part: part.to_csv(path, index=False),
        )
    file = run.scratch.path / "predictions.parquet"
    tables.write(table, units, found["weights_sha256"], file)
    run.publish({"data/predictions": file})


if __name__ == "__main__":
    stage.run(main)
