"""The rates that `signal-perception plan` begins with, from records of the default study.

    python -m benchmarks reference

Run the default study from nothing with one lane on an otherwise idle machine first. Writes
commands/forecast/reference.json anew; the clips per second on a GPU stay as they are.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from signal_perception.commands.forecast import estimates, speeds, work
from signal_perception.pipeline import dvcfile, params, records, workers

_FILE = Path(speeds.__file__).with_name("reference.json")
# What the bars of a stage count, in their order.
_BARS = {
    "synthesise": ("drawn",),
    "decode": ("frames",),
    "finetune": ("train",),
    "evaluate": ("forward",),
    "extract": ("forward",),
    "features": ("forward",),
    "probe": ("taps",),
    "noise": ("cells", "heard"),
}
# Seconds per 1e9 decoded pixels: README, "Videos", 1,170 frames/s of HMDB51. Those of the default
# study have too few pixels to tell them from their frames.
_PIXELS = 9.0
# Of the report and of its figures, without their models, seconds; DVC's own for each stage.
_PAGE, _DVC = 5.0, 4.5


def measure() -> Iterator[str]:
    """Write the file, and say the rates."""
    found = rates(records.read())
    kept = json.loads(_FILE.read_text(encoding="utf-8"))
    kept |= {"machine": _machine(), "probe_seconds": round(speeds.probe(100), 5)}
    kept |= {"dvc_seconds": _DVC, "stages": found}
    _FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for stage, rate in found.items():
        yield f"{stage}: start {rate['start']} s, {rate['amounts']}"


def rates(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Per stage its start and its seconds per amount, by model, from records of one thread."""
    settings, stages = params.load(), dvcfile.stages()
    forecast = estimates.Forecast(settings, speeds.Machine("", 1.0, 1, 1), {})
    starts: dict[str, list[float]] = defaultdict(list)
    amounts: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for name, one in found.items():
        kind, stage = name.partition("@")[0], stages[name]
        asked = forecast.asked(kind, stage.item, dvcfile.declared(stage))
        done = work.work(asked).amounts
        model = str(stage.item.get("model", "any"))
        bars = dict(zip(_BARS.get(kind, ()), [bar["seconds"] for bar in one["work"]]))
        if kind == "decode":
            bars["pixels"] = _PIXELS * done["pixels"]
            bars["frames"] -= bars["pixels"]
        if kind in ("report", "figures"):
            bars = {"models": one["seconds"] - _PAGE}
        for amount in done:
            processes = max(1, int(one["cores"]) // int(one["lanes"] or 1))
            together = processes**speeds.SHARING if amount in speeds.SHARED else 1.0
            taken = bars.get(amount, 0.0) * together
            amounts[kind][amount][model] = taken / done[amount]
        starts[kind].append(one["seconds"] - sum(bars.values()))
    return {
        kind: {
            "start": round(statistics.median(start), 2),
            "amounts": {amount: _with_any(each) for amount, each in amounts[kind].items()},
        }
        for kind, start in starts.items()
    }


def _with_any(by_model: Mapping[str, float]) -> dict[str, float]:
    rounded = {model: float(f"{rate:.4g}") for model, rate in sorted(by_model.items())}
    return {"any": float(f"{statistics.median(by_model.values()):.4g}")} | {
        model: rate for model, rate in rounded.items() if model != "any"
    }


def _machine() -> str:
    return f"{workers.cores()} cores of {records.processor()}, one thread of a model"
