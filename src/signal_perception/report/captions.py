"""The sentences under the training curves and the figures of weight noise."""

from collections.abc import Mapping

import pandas as pd

from signal_perception.report import (
    noise_figures,
    poster,
    spectral_captions,
    style,
    training_figure,
)


def curves(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences under the training curves; none where there is nothing to explain."""
    models = training_figure.without_top1(tables)
    if not models:
        return []
    return [
        f"No top-1 of {', '.join(map(style.name, models))}: under mixup a training clip is a "
        "mixture of two and has no one class."
    ]


def noise(table: pd.DataFrame, dataset: str, model: str, grid: str) -> list[str]:
    """Sentences under one of Figures 2–4."""
    first = table.iloc[0]
    videos = spectral_captions.videos({model: table})
    components = ", ".join(dict.fromkeys(table["component"]))
    fixed = noise_figures.fixed(table)
    shared = f" ({fixed})" if fixed else ""
    clean, chance = (
        f"{first[f'{what}_top1']:.2f} / {first[f'{what}_top5']:.2f} %"
        for what in ("clean", "chance")
    )
    lines = [
        "Gaussian noise of standard deviation σ on a share γ of each weight slice of "
        f"{components}, in a share ρ of the layers{shared}. Each number is the mean over "
        f"{first['repeats']} repeats of the noise; below it the 95 % interval, from a bootstrap "
        f"over repeats, then over {videos}. Planes and titles: the clean model, {clean}; "
        f"chance is {chance}.",
        "κ = σ√γ / rms(W) is the amplitude of the noise relative to that of the weights, as if all "
        "layers of the pool were disturbed (ρ = 1); retention = (A − chance) / (A clean − chance). "
        f"Scores that were not finite count as wrong: {sum(table['nan_videos'])} of all videos in "
        "all cells.",
    ]
    if (dataset, model) == (poster.NOISE_DATASET, poster.NOISE_MODEL):
        (low1, low5), (high1, high5) = poster.NOISE_RANGES[grid]
        lines.append(
            f"On the poster top-1 falls from {high1} to {low1} % and top-5 from {high5} to "
            f"{low5} %."
        )
    return lines
