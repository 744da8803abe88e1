"""Features of one model along the depth: top-1 of linear probes, and CKA with own weights."""

import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.captions import transfer_captions
from signal_perception.report.charts import depth_choices, depth_layers, depth_steps, inputs, marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.findings import transfer
from signal_perception.report.findings.transfer import Probes
from signal_perception.report.results import depth, naming, runs, weights

_FINE_TUNED, _CHANCE = "the fine-tuned model", "chance"
_SHOWN = {"top1": "top-1", "difference": "difference to own weights, paired"}
_PROBE = ["model", "weights", "show", "tap", "kind", "depth", "value", "low", "high"]
_COUNTS = ["p_holm", "n_videos", "n_clusters", "n_runs"]
_CKA = ["value", "low", "high", "cka_of_shuffled"]
# Colour of the model itself, as in figures.
_MODEL = "#882255"
# Lines across all taps: the model itself, and chance.
_ACROSS = f"datum.weights === '{_FINE_TUNED}' || datum.weights === '{_CHANCE}'"

# Taps of all T' are joined: features are averages over time.
_STEPS = [depth_steps.calculated("stretch", "0")]


def probe_chart(
    probes: Probes, accuracy: Mapping[str, dict], dataset: str, folds: int
) -> Chart | None:
    """None where no features were probed.

    Parameters
    ----------
    probes: those `transfer.shown`.
    accuracy: metrics by model, of those that were scored.
    folds: of the probes' cross-validation.
    """
    if not probes:
        return None
    others = transfer.others(probes, dataset)
    found = _probes(probes, accuracy, dataset)
    return Chart(
        name="probe",
        title="Linear probes of frozen features along the depth",
        caption=[
            depth_choices.HOVER,
            *transfer_captions.probe(probes, folds, others=bool(others)),
        ],
        table=found,
        spec=_probe_spec(found, probes, others, dataset),
        figure="probe",
    )


def cka_chart(probes: Probes, dataset: str) -> Chart | None:
    """None where there are no other weights. probes: those `transfer.others`."""
    parts = []
    for model, tables in probes.items():
        for each, table in tables.items():
            columns = {"cka": "value", "cka_low": "low", "cka_high": "high"}
            rows = table.drop(columns=["low", "high"]).rename(columns=columns)
            parts.append(_named(rows, model, weights.name(each, dataset)))
    if not parts:
        return None
    place = ["model", "weights", "tap", "kind", "depth"]
    found = _lean(pd.concat(parts, ignore_index=True).loc[:, [*place, *_CKA, *_COUNTS[1:]]])
    if not len(depth.numbers(found, "value")):
        return None
    return Chart(
        name="cka",
        title="Features with other weights against own ones: CKA along the depth",
        caption=[depth_choices.HOVER, *transfer_captions.cka(probes)],
        table=found,
        spec=_cka_spec(found, probes, dataset),
        figure="cka",
    )


def _probes(probes: Probes, accuracy: Mapping[str, dict], dataset: str) -> pd.DataFrame:
    """Top-1 and differences of each tap, then the lines across: the model itself, and chance."""
    parts, across = [], []
    for model, tables in probes.items():
        for each, table in tables.items():
            rows = _named(table, model, weights.name(each, dataset))
            parts.append(rows.assign(show="top1", value=rows["top1"]))
            if each != dataset:
                columns = {
                    "difference": "value",
                    "difference_low": "low",
                    "difference_high": "high",
                }
                paired = rows.drop(columns=["low", "high"]).rename(columns=columns)
                parts.append(paired.assign(show="difference"))
        about = {"model": naming.model(model), "show": "top1"}
        chance = float(next(iter(tables.values()))["chance"].iloc[0])
        across.append({**about, "weights": _CHANCE, "value": chance})
        if model in accuracy:
            across.append({**about, "weights": _FINE_TUNED, **_of_model(accuracy[model])})
    found = pd.concat([*parts, pd.DataFrame(across)], ignore_index=True)
    return _lean(found.loc[:, [*_PROBE, *_COUNTS]])


def _of_model(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "value": metrics["top1"],
        "low": metrics["low1"],
        "high": metrics["high1"],
        "n_videos": metrics["total"],
        "n_clusters": metrics["n_clusters"],
        "n_runs": metrics.get("n_runs", 1),
    }


def _named(table: pd.DataFrame, model: str, name: str) -> pd.DataFrame:
    """A table with names for readers."""
    return table.assign(
        model=naming.model(model),
        weights=name,
        kind=[depth.ROLES.get(kind, kind) for kind in table["kind"]],
        n_videos=table["total"],
        n_runs=runs.number(table),
    )


def _lean(found: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers as such, without columns that say nothing."""
    if set(found["n_runs"].dropna()) <= {1}:
        found = found.drop(columns="n_runs")
    if "p_holm" in found and not len(depth.numbers(found, "p_holm")):
        found = found.drop(columns="p_holm")
    return found.astype({"n_videos": "Int64", "n_clusters": "Int64"})


def _look(probes: Probes, dataset: str, *, own: bool) -> depth_layers.Look:
    others = weights.every(transfer.others(probes, dataset))
    names = [weights.name(each, dataset) for each in others]
    return depth_layers.of_weights(weights.name(dataset, dataset) if own else "", names)


def _probe_spec(
    found: pd.DataFrame, probes: Probes, others: Probes, dataset: str
) -> dict[str, Any]:
    look = _look(probes, dataset, own=True)
    limits = {"top1": (0.0, 100.0)}
    paired = found.loc[found["show"] == "difference"]
    if len(paired):
        reach = max(5.0, *(abs(value) for value in depth.numbers(paired, "value", "low", "high")))
        limits["difference"] = (-1.06 * reach, 1.06 * reach)
    y = depth_layers.value_axis("top-1 of the probe, %, or points", limits, "show")
    tooltip = depth_layers.tooltip(
        "top-1", list(found), "model", "weights", "tap", "kind", digits=1
    )
    own = weights.name(dataset, dataset)
    # own weights are compared with nothing
    sure = f"datum.weights === {json.dumps(own)} || {depth_layers.SURE}"
    parts = depth_layers.drawn(
        look,
        y,
        tooltip,
        where=f"!({_ACROSS})",
        x=depth_layers.depth_axis("depth"),
        dashed=True,
        tested="p_holm" in found,
        sure=sure,
    )
    clicked = depth_choices.clicked("weights")
    parts[-1] = parts[-1].add_params(clicked)
    parts[:0] = _across(y, tooltip)
    names = [naming.model(model) for model in probes]
    shown = [name for name in _SHOWN if name in limits]
    return depth_layers.finished(
        parts,
        [
            depth_choices.model(names),
            inputs.choice("show", "Show", shown, [_SHOWN[name] for name in shown]),
        ],
        [
            depth_steps.only("datum.model === one && datum.show === show"),
            {"filter": {"or": [_ACROSS, {"param": clicked.name}]}},
            *_STEPS,
            *depth_steps.in_words("weights", hertz=False, digits=1),
        ],
        "Lines of top-1 of linear probes of one model against normalised depth, one per weights; "
        "horizontal lines are chance and the fine-tuned model.",
    )


def _across(y: alt.Y, tooltip: list[alt.Tooltip]) -> list[alt.Chart]:
    """The lines of chance and of the model itself, with its interval, and their names."""
    parts = []
    for name, color, dash in ((_CHANCE, marks.GREY, [2, 3]), (_FINE_TUNED, _MODEL, [1, 0])):
        field = name.replace(" ", "_").replace("-", "_")
        here = alt.Chart().transform_filter(f"datum.weights === '{name}'")
        rule = here.mark_rule(color=color, strokeDash=dash, strokeWidth=1.4)
        parts.append(rule.encode(y=y, tooltip=tooltip).properties(name=field))
        said = here.mark_text(
            align="left", baseline="bottom", dy=-3, color=color, fontSize=11, text=name
        )
        said = said.encode(y=y, x=alt.value(4))
        parts.append(said.properties(name=f"{field}_name"))
    low = y.copy()
    low["shorthand"] = "low:Q"
    band = alt.Chart(name="model_band").transform_filter(f"datum.weights === '{_FINE_TUNED}'")
    band = band.mark_rect(color=_MODEL, opacity=0.08, tooltip=None)
    return [band.encode(y=low, y2="high:Q"), *parts]


def _cka_spec(found: pd.DataFrame, probes: Probes, dataset: str) -> dict[str, Any]:
    look = _look(probes, dataset, own=False)
    limits = {"cka": (-0.25, 1.03)}
    y = depth_layers.value_axis("CKA with own weights", limits, "'cka'")
    x = depth_layers.depth_axis("depth")
    tooltip = depth_layers.tooltip("CKA", list(found), "model", "weights", "tap", "kind")
    tooltip.insert(6, alt.Tooltip("cka_of_shuffled:Q", title="of shuffled videos", format=".3f"))
    parts = depth_layers.drawn(look, y, tooltip, x=x, dashed=True)
    clicked = depth_choices.clicked("weights")
    parts[-1] = parts[-1].add_params(clicked)
    chance = y.copy()
    chance["shorthand"] = "cka_of_shuffled:Q"
    shuffled = alt.Chart(name="shuffled").mark_line(strokeWidth=1, strokeDash=[1, 3])
    shuffled = shuffled.encode(x=x, y=chance, color=look.color)
    names = [naming.model(model) for model in probes]
    return depth_layers.finished(
        [shuffled, *parts, depth_layers.beyond(limits, "'cka'")],
        [depth_choices.model(names)],
        [
            depth_steps.only("datum.model === one"),
            depth_choices.in_clicked(clicked),
            *_STEPS,
            *depth_steps.in_words("weights", hertz=False),
        ],
        "Lines of CKA between features with other weights and with own ones against normalised "
        "depth, one per weights; dotted lines are shuffled videos.",
    )
