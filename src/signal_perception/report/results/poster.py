"""What the poster printed, to stand beside one's own results.

"Understanding the Behaviors of Modern Video Models Through Signal Perception", Yifan Chen,
Australian National University, 2025: Table 1, the curves of Figure 1, the ranges of Figures 2–4.
"""

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Accuracy:
    """What the poster gives for a model, in percent.

    quoted_top1: from the literature, None where the poster quotes nothing.
    """

    top1: float
    top5: float
    quoted_top1: float | None = None

    def percent(self, k: int) -> float:
        """Top-1 or top-5."""
        return {1: self.top1, 5: self.top5}[k]

    def correct(self, k: int, total: int) -> int:
        """The videos that were right at top-k: the whole number that the percentage stands for."""
        return round(self.percent(k) * total / 100)


# The official split of Table 1, and how many test videos it has: all were scored.
SPLIT = 1
TOTALS = {"hmdb51": 1530, "ucf101": 3783}
# Model → what the poster's was trained on before.
PRETRAINING = {
    "i3d": "Kinetics-400",
    "timesformer_divided": "Kinetics-400",
    "timesformer_joint": "Kinetics-400",
    "videomae_v1": "Kinetics-400",
    "videomae_v2": "Kinetics-710",
    "uniformer_v1": "Kinetics-400",
    "uniformer_v2": "CLIP-400M + Kinetics-710",
    "swin": "Kinetics-400",
}
# Data set → model → numbers.
TABLE1 = {
    "hmdb51": {
        "i3d": Accuracy(71.44, 93.20, 74.30),
        "timesformer_divided": Accuracy(71.37, 93.86),
        "timesformer_joint": Accuracy(68.17, 93.33),
        "videomae_v1": Accuracy(72.22, 92.48, 73.30),
        "videomae_v2": Accuracy(79.35, 96.86),
        "uniformer_v1": Accuracy(76.41, 95.10),
        "uniformer_v2": Accuracy(75.23, 95.42),
        "swin": Accuracy(75.16, 93.46),
    },
    "ucf101": {
        "i3d": Accuracy(94.92, 99.50, 95.10),
        "timesformer_divided": Accuracy(95.82, 99.68),
        "timesformer_joint": Accuracy(93.71, 99.58),
        "videomae_v1": Accuracy(95.32, 99.37, 96.10),
        "videomae_v2": Accuracy(98.31, 99.92),
        "uniformer_v1": Accuracy(97.17, 99.71),
        "uniformer_v2": Accuracy(96.51, 99.76),
        "swin": Accuracy(96.11, 99.50),
    },
}

# Grid → lowest and highest (top-1, top-5) over its three surfaces; divided TimeSformer on HMDB51.
NOISE_RANGES = {
    "figure2": ((1.8, 9.4), (71.6, 93.8)),
    "figure3": ((2.4, 12.6), (71.4, 93.8)),
    "figure4": ((2.1, 11.9), (71.2, 93.7)),
}
NOISE_DATASET, NOISE_MODEL = "hmdb51", "timesformer_divided"


def figure1(dataset: str) -> dict[str, dict[str, list[float | None]]] | None:
    """Curves of Figure 1 as digitised (±0.03): panel → model → Δ at each tap.

    A Δ is None where it is unreadable. The poster has HMDB51 alone, so None for other data sets.
    """
    if dataset != "hmdb51":
        return None
    file = files("signal_perception.report.results").joinpath("poster_figure1.json")
    return json.loads(file.read_text(encoding="utf-8"))
