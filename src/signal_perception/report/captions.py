"""The sentences under the figures: what is drawn, over how many videos, and how it can mislead."""

import pandas as pd

from signal_perception.report import depth, noise_figures, poster

_STATISTICS = {
    "mean_log": "mean of ln(A + ε) over space and channels",
    "log_mean": "ln(mean of A over space and channels + ε)",
    "log_rms": "½ ln(mean of A² over space and channels + ε²)",
}
_POINTS = {
    "poster": "k = ⌊T′/2⌋ − 1, the poster's bin, which is not the Nyquist bin and does not exist for T′ < 4",
    "nyquist": "k = ⌊T′/2⌋, the last bin",
}
_CONTROLS = {
    "static": "The static clip repeats its first frame: nothing moves.",
    "shuffled": "Shuffled frames keep every frame and lose their order.",
    "reversed": "The reversed clip has the amplitudes of the clip in its pixels.",
}
_WHITE = {"mean_log": "+0.347", "log_mean": "+0.105", "log_rms": "0"}


def figure1(table: pd.DataFrame, *, point: str, statistic: str, reference: bool) -> list[str]:
    """Sentences under Figure 1."""
    tokens = sorted({t for summary in depth.summaries(table, point=point, statistic=statistic) for t in summary.tokens})
    several = (
        f" (here T′ is {', '.join(map(str, tokens))}: compare models by Δ + ½ ln T′ or at ω = 0.5π, below)"
        if len(tokens) > 1
        else ""
    )
    side = "residual stream" if depth.side(table) == "stream" else "branch, before its addition to the stream"
    lines = [
        f"Δ log amplitude = L[k] − L[0] of the temporal spectrum ({statistic}: L = {_STATISTICS[statistic]}) at {_POINTS[point]}, "
        f"against normalised depth i/(n − 1) over the n taps of each panel; taps on the {side}. MSA is the tap after a block's "
        "last attention, temporal attention aside; MLP the block's output; Conv a convolutional block's output.",
        f"Bands: 95 % percentile bootstrap over {_videos(table)}. Lines break where a tap has no such bin.",
        f"Biases: zero-mean white noise gives {_WHITE[statistic]} with this statistic at interior bins and 0 at Nyquist; "
        f"T′ alone shifts Δ by −½ ln T′{several}; a slow ramp is low in every bin, so low values do not prove fast content; "
        "series of mostly zeros (ReLU) pull mean_log towards 0.",
    ]
    if reference:
        lines.append("Dotted: the poster's curves, read off its Figure 1 (±0.03), with gaps where they are hidden.")
    return lines


def controls(table: pd.DataFrame) -> list[str]:
    """Sentences under the figure of controls."""
    return [
        "The taps of panel (a) for the clip and for its controls; thin horizontal lines are the input pixels themselves.",
        *(_CONTROLS[control] for control in depth.controls(table)),
        f"A curve that does not stand apart from its controls says nothing about motion. Means over {_videos(table)}.",
    ]


def noise(table: pd.DataFrame, dataset: str, model: str, grid: str) -> list[str]:
    """Sentences under one of Figures 2–4."""
    first = table.iloc[0]
    components = ", ".join(dict.fromkeys(table["component"]))
    shared = f" ({fixed})" if (fixed := noise_figures.fixed(table)) else ""
    clean, chance = (f"{first[f'{what}_top1']:.2f} / {first[f'{what}_top5']:.2f} %" for what in ("clean", "chance"))
    lines = [
        f"Gaussian noise of standard deviation σ on a share γ of each weight slice of {components}, in a share ρ of the layers{shared}. "
        f"Each number is the mean over {first['repeats']} repeats of the noise; below it the 95 % interval, from a bootstrap over "
        f"repeats, then over {_videos(table)}. Planes and titles: the clean model, {clean}; chance is {chance}.",
        "κ = σ√γ / rms(W) is the energy of the noise relative to the weights; retention = (A − chance) / (A clean − chance). "
        f"Scores that were not finite count as wrong: {int(table['nan_videos'].sum())} of all videos in all cells.",
    ]
    if (dataset, model) == (poster.NOISE_DATASET, poster.NOISE_MODEL):
        (low1, low5), (high1, high5) = poster.NOISE_RANGES[grid]
        lines.append(f"On the poster top-1 falls from {high1} to {low1} % and top-5 from {high5} to {low5} %.")
    return lines


def _videos(table: pd.DataFrame) -> str:
    """How many videos and clusters, and between what numbers they lie where models differ."""
    videos, clusters = (sorted(table[column].unique()) for column in ("n_videos", "n_clusters"))
    return f"{'–'.join(map(str, _ends(videos)))} videos in {'–'.join(map(str, _ends(clusters)))} clusters of one source"


def _ends(values: list) -> list:
    return values if len(values) == 1 else [values[0], values[-1]]
