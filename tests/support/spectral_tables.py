"""Both tables of the stage spectra, made by hand: models whose spectra are known beforehand."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.fourier import definitions

# kinds of a block, number of such blocks, temporal tokens
Stretch = tuple[tuple[str, ...], int, int]

# as in the published architectures
BACKBONES: dict[str, list[Stretch]] = {
    "timesformer_divided": [(("temporal_attn", "spatial_attn", "mlp"), 12, 8)],
    "uniformer_v1": [(("local_attn", "mlp"), 13, 8), (("joint_attn", "mlp"), 27, 8)],
    "uniformer_v2": [
        (("local_attn", "spatial_attn", "mlp"), 8, 8),
        (("spatial_attn", "mlp", "global_attn"), 4, 8),
    ],
    "swin": [(("joint_attn", "mlp"), 24, 16)],
    "videomae_v1": [(("joint_attn", "mlp"), 12, 8)],
    "i3d": [(("conv",), 10, 8), (("conv",), 3, 4), (("conv",), 3, 2)],
}
PAIRED = ("clip-static", "clip-own")
LEVELS = {"clip": -1.0, "static": -3.0, "shuffled": -0.5, "reversed": -1.0}
# D of a block's tap by kind; p is .8 where the interval reaches over 0, else .001.
RESPONSES = {"spatial_attn": -0.1, "joint_attn": -0.1, "mlp": 0.1, "conv": -0.02}
# Δ with other weights minus Δ with own ones.
SHIFT = 0.3
# Below and above every value.
REACH = 0.05
# Share of the clip's energy that the static clip of a model that sees motion has.
ENERGY = 0.03


@dataclass(frozen=True)
class Made:
    """A model whose spectra are known.

    Δ = level of the control − bin/10 − order/100, and one less for the input pixels. The first
    `own` taps show the model's own time code: there the static clip is 0.01 above the clip, and
    p after Holm is .8; elsewhere it has `static` for its level, and p is .001.

    With other `weights` Δ of the clip is higher by `shift`, and p of the difference is .001; at the
    first `same` taps it is what it is with own ones, and p is .8. Empty: own ones.

    size: height and width of the maps. side: the one side that was extracted.
    """

    model: str
    controls: Sequence[str] = ("clip", "static", "shuffled")
    backbone: Sequence[Stretch] = ()
    own: int = 0
    static: float = LEVELS["static"]
    size: int = 14
    side: str = "stream"
    dataset: str = "shapes"
    weights: str = ""
    shift: float = SHIFT
    same: int = 0
    statistics: Sequence[str] = field(default=("log_mean", "log_rms"))

    @property
    def taps(self) -> list[dict[str, Any]]:
        """What the tables say of the input and of each tap, in order."""
        places = [("input", "input", -1, 16)]
        for kinds, blocks, tokens in self.backbone or BACKBONES[self.model]:
            first = places[-1][2] + 1
            places += [
                (f"{block:02d}.{kind}", kind, block, tokens)
                for block in range(first, first + blocks)
                for kind in kinds
            ]
        names = ("tap", "kind", "block", "tokens")
        return [
            {**dict(zip(names, place)), "order": order, "side": self.side}
            for order, place in enumerate(places)
        ]

    def compared(self) -> tuple[str, ...]:
        """The controls, and the paired differences that these and the weights allow."""
        static = ["clip-static"] if "static" in self.controls else []
        own = ["clip-own"] if self.has_other_weights else []
        return (*self.controls, *static, *own)

    @property
    def has_other_weights(self) -> bool:
        return self.weights not in ("", self.dataset)

    def moved(self, tap: dict[str, Any]) -> float:
        """What the weights add to Δ of the clip."""
        return self.shift if self.has_other_weights and tap["order"] > self.same else 0.0

    def level(self, control: str, tap: dict[str, Any]) -> float:
        """Δ at bin 0 if the line of the other bins went on to it."""
        if control == "clip-static":
            return self.level("clip", tap) - self.level("static", tap)
        if control == "clip-own":
            return self.moved(tap)
        if control == "static":
            level = LEVELS["clip"] + 0.01 if self.is_own(tap) else self.static
        else:
            level = LEVELS[control] + (self.moved(tap) if control == "clip" else 0)
        return level - tap["order"] / 100 - (tap["kind"] == "input")

    def delta(self, control: str, tap: dict[str, Any], bin: int) -> float:
        """Δ at a bin, which is 0 at bin 0."""
        slope = 0 if control in PAIRED else 0.1
        return self.level(control, tap) - slope * bin if bin else 0.0

    def is_own(self, tap: dict[str, Any]) -> bool:
        return 1 <= tap["order"] <= self.own

    def estimate(self, value: float, control: str, tap: dict[str, Any]) -> dict[str, float]:
        """A value with its interval, and with p where it is a difference."""
        same = self.is_own(tap) if control == "clip-static" else not self.moved(tap)
        return self.tested(value, (0.8 if same else 0.001) if control in PAIRED else np.nan)

    def tested(self, value: float, p: float) -> dict[str, float]:
        """A value with its interval and p."""
        return {"value": value, "low": value - REACH, "high": value + REACH, "p": p, "p_holm": p}

    def facts(self, tap: dict[str, Any]) -> dict[str, Any]:
        dead = 0.125 if tap["kind"] == "conv" else 0.0
        return {
            "dataset": self.dataset,
            "model": self.model,
            "weights": self.weights or self.dataset,
            "weights_sha256": "ab" * 32,
            "n_videos": 128,
            "n_clusters": 32,
            "dead_share": dead,
        }


def depth_table(model: str, **known: Any) -> pd.DataFrame:
    """The stage spectra's table per tap of a `Made` model, as it is read from its file."""
    made = Made(model, **known)
    rows = [
        {**made.facts(tap), "control": control, **tap, **row}
        for control in made.compared()
        for tap in made.taps
        for row in _numbers(made, control, tap)
    ]
    return _as_read(rows)


def spectra_table(model: str, **known: Any) -> pd.DataFrame:
    """The stage spectra's table per bin of a `Made` model, as it is read from its file."""
    made = Made(model, **known)
    rows = []
    for control in made.compared():
        for before, tap in zip([{}, *made.taps], made.taps):
            for row in _bins(made, control, before, tap):
                rows.append({**made.facts(tap), "control": control, **tap, **row})
    return _as_read(rows)


def _as_read(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows after they were written as CSV and read again."""
    return pd.read_csv(io.StringIO(pd.DataFrame(rows).to_csv(index=False)))


def _numbers(made: Made, control: str, tap: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one tap in the table per tap."""
    t = tap["tokens"]
    for statistic in made.statistics:
        for point in definitions.POINTS:
            bin = definitions.representative("temporal", t, made.size, made.size, point)
            value, omega = np.nan, np.nan
            if bin.index is not None:
                value, omega = made.delta(control, tap, bin.index), 2 * bin.index / t
            place = {"point": point, "omega": omega, "hz": 3 * omega, "reason": bin.reason}
            shift = 0 if control in PAIRED else 0.5 * np.log(t)
            for quantity, number in (("delta", value), ("corrected", value + shift)):
                found = made.estimate(number, control, tap)
                yield {**place, "quantity": quantity, "statistic": statistic, **found}
        # ω = 0.5π is bin T'/4
        value = made.delta(control, tap, t // 4) if t >= 4 else np.nan
        place = {"point": "", "omega": 0.5, "hz": 1.5, "reason": "" if t >= 4 else "T' < 4"}
        found = made.estimate(value, control, tap)
        yield {**place, "quantity": "matched", "statistic": statistic, **found}
    energy = {"clip": 0.4, "static": 0.4 if made.is_own(tap) else 0.4 * ENERGY}
    for quantity in ("hc_dc", "centroid", "high_share"):
        place = {"point": "", "omega": np.nan, "hz": np.nan, "reason": ""}
        found = made.estimate(energy.get(control, 0.3), control, tap)
        yield {**place, "quantity": quantity, "statistic": "", **found}


def _bins(
    made: Made, control: str, before: dict[str, Any], tap: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The rows of one tap in the table per bin.

    before: the tap before it.
    """
    same = before.get("tokens") == tap["tokens"] and before["kind"] != "input"
    for place in _places(tap["tokens"], made.size):
        bin = place["bin"]
        for statistic in made.statistics:
            found = {
                "quantity": "delta",
                "statistic": statistic,
                **made.estimate(made.delta(control, tap, bin), control, tap),
            }
            yield {**place, **found}
            if made.side == "stream" and same and bin:
                response = RESPONSES.get(tap["kind"], 0.0)
                numbers = made.tested(response, 0.001 if abs(response) > REACH else 0.8)
                yield {**place, **found, "quantity": "block_response", **numbers}
        if control in ("clip", "static") and place["transform"] == "temporal":
            value = 1 + bin if control == "clip" else 1.0
            found = {"quantity": "discriminability", "statistic": "mean_log"}
            yield {**place, **found, **made.estimate(value, control, tap)}


def _places(t: int, size: int) -> list[dict[str, Any]]:
    """What is known of each bin of each transform beforehand."""
    places = []
    for transform in definitions.TRANSFORMS:
        sizes = (transform, t, size, size)
        poster, nyquist = (definitions.representative(*sizes, p).index for p in definitions.POINTS)
        places += [
            {
                "transform": transform,
                "height": size,
                "width": size,
                "bin": k,
                "omega": omega,
                "hz": hz,
                "epsilon": 1e-6,
                "is_poster": k == poster,
                "is_nyquist": k == nyquist,
            }
            for k, (omega, hz) in enumerate(
                zip(definitions.omega(*sizes), definitions.hertz(*sizes, 1 / 6))
            )
        ]
    return places
