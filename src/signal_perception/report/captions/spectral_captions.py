"""The sentences under the figures of spectra: statistic, bin, bands, and how they mislead."""

from collections.abc import Sequence

import pandas as pd

from signal_perception.report.findings.summaries import summaries
from signal_perception.report.results import depth, rounding, runs
from signal_perception.report.results import weights as _weights
from signal_perception.report.results.depth import Reading, Tables
from signal_perception.report.results.weights import Others

_STATISTICS = {
    "mean_log": "mean of ln(A + ε) over space and channels",
    "log_mean": "ln(mean of A over space and channels + ε)",
    "log_rms": "½ ln(mean of A² over space and channels + ε²)",
}
_POINTS = {
    "poster": "k = ⌊T′/2⌋ − 1, the poster's bin, which is not the Nyquist bin and does not exist "
    "for T′ < 4",
    "nyquist": "k = ⌊T′/2⌋, the last bin",
}
_SIDES = {"stream": "residual stream", "branch": "branch, before its addition to the stream"}
_CONTROLS = {
    "static": "The static clip repeats its first frame: nothing moves.",
    "shuffled": "Shuffled frames keep every frame and lose their order.",
    "reversed": "The reversed clip has the amplitudes of the clip in its pixels.",
}
_WHITE_NOISE = {"mean_log": "+0.347", "log_mean": "+0.105", "log_rms": "0"}
_HOLM = "Holm's correction over the taps of one kind"
_MARKERS = f"Filled markers: p < .05 after {_HOLM}; hollow ones: not different from 0."
_NOMINAL = (
    "Hz are nominal, from the time Δt between two distinct frames; repeated frames and jumps back "
    "are not averaged in."
)
_STATIC_BEHIND = "thin and dashed in the same colour: the static clip"


def figure1(tables: Tables, reading: Reading, *, reference: bool) -> list[str]:
    """Sentences under Figure 1.

    tables: model → table per tap, here and below unless it says per bin.
    """
    sides = dict.fromkeys(_SIDES[depth.side(table)] for table in tables.values())
    found = [
        f"Δ log amplitude = L[k] − L[0] of the temporal spectrum ({_statistic(reading.statistic)}) "
        f"at {_POINTS[reading.point]}, against normalised depth i/(n − 1) over the n taps of each "
        f"panel; taps on the {' or '.join(sides)}. MSA is the tap after a block's last attention, "
        "temporal attention aside; MLP the block's output; Conv a convolutional block's output.",
        _bands(tables),
        *_hertz(tables, reading),
        f"Behind each curve, {_STATIC_BEHIND}, which shows what is there without motion; where it "
        "leaves the axis it lies below. Lines break where T′ changes between neighbouring taps, "
        "which alone adds +0.35 to +0.70 for 8 → 4, and where a tap has no such bin.",
        f"Biases: zero-mean white noise gives {_WHITE_NOISE[reading.statistic]} with this "
        "statistic at interior bins and 0 at Nyquist; T′ alone shifts Δ by −½ ln T′"
        f"{_several_tokens(tables, reading)}; a slow ramp is low in every bin, so low values do "
        "not prove fast content; series of mostly zeros (ReLU) pull mean_log towards 0.",
    ]
    if reference:
        found.append(
            "Dotted: the poster's curves, read off its Figure 1 (±0.03), with gaps where they are "
            "hidden."
        )
    return found


def motion(tables: Tables, reading: Reading) -> list[str]:
    """Sentences under "Is it motion?"."""
    return [
        "Δ log amplitude of the clip minus that of its static control (first frame repeated), "
        f"paired by video, tap and bin ({_statistic(reading.statistic)}; {_bin(reading)}). Above "
        "0 the clip has more at this frequency than a picture that does not move; at 0 the curve "
        "of Figure 1 is the model's own time code.",
        f"{_bands(tables)} {_MARKERS} Lines break where T′ changes or a tap has no such bin. "
        "Differences above 5 are counted at the top of a panel and not drawn: there the static "
        "clip has next to nothing.",
    ]


def weights(others: Others, owns: Tables, reading: Reading, dataset: str) -> list[str]:
    """Sentences under the figure of other weights.

    others: model → weights → table per tap. owns: model → table per tap with own weights.
    """
    drawn = {model: owns[model] for model in others}
    tables = {f"{model} {w}": table for model, of in others.items() for w, table in of.items()}
    own = _weights.name(dataset, dataset)
    return [
        f"Above: Δ log amplitude of the clip ({_statistic(reading.statistic)}; {_bin(reading)}) at "
        f"the taps of panel (a), with the model's own weights ({own}) and, dashed or dotted, with "
        f"others. Below: other − own, paired by video, tap and bin. {_bands({**drawn, **tables})} "
        f"{_MARKERS} Lines break where T′ changes or a tap has no such bin.",
        "T′ is the same with all weights of a model, so its shift cancels in the difference. The "
        "model's own time code does not: read the difference beside clip − static in the table.",
    ]


def weights_by_choice(others: Others, owns: Tables, reading: Reading, dataset: str) -> list[str]:
    """Sentences under other weights, one model and one of two numbers at a time.

    others, owns: as in `weights`.
    """
    _, about = weights(others, owns, reading, dataset)
    drawn = {model: owns[model] for model in others}
    tables = {f"{model} {w}": table for model, of in others.items() for w, table in of.items()}
    return [
        "The clip with other weights minus the clip with the model's own ("
        f"{_weights.name(dataset, dataset)}), paired by video, tap and bin, or Δ log amplitude "
        f"with each ({_statistic(reading.statistic)}; {_bin(reading)}), at the taps of panel (a). "
        f"{_bands({**drawn, **tables})} {_MARKERS} Lines break where T′ changes or a tap has no "
        "such bin.",
        about,
    ]


def controls(tables: Tables, reading: Reading) -> list[str]:
    """Sentences under the figure of controls."""
    return [
        f"The taps of panel (a) for the clip, with its band, and for its controls "
        f"({_statistic(reading.statistic)}; {_bin(reading)}); thin horizontal lines are the input "
        "pixels themselves. Lines break where T′ changes.",
        *(_CONTROLS[control] for control in depth.controls(tables)),
        "A curve that does not stand apart from its controls says nothing about motion. "
        f"{_bands(tables)}",
    ]


def comparison(tables: Tables, reading: Reading) -> list[str]:
    """Sentences under the fair comparison."""
    return [
        f"The taps of panel (a) three ways ({_statistic(reading.statistic)}): Δ at "
        f"{_bin(reading)}, which T′ alone shifts by −½ ln T′; Δ + ½ ln T′, free of that shift; and "
        "Δ at ω = 0.5π, interpolated between bins, for which T′ ≥ 4 is needed. "
        f"{_bands(tables)} Lines break where T′ changes.",
        "Right: the spectrum of each model's last tap against frequency in Hz, which models with "
        "other frame rates share; the large marker is the bin of the first panel. Equal ω are "
        f"unequal Hz where clips are sampled differently. {_NOMINAL}",
    ]


def hertz(tables: Tables, reading: Reading) -> list[str]:
    """Sentences under the last taps in Hz, alone.

    tables: model → table per bin.
    """
    return [
        "The spectrum of each model's last tap that has one, Δ + ½ ln T′ or Δ "
        f"({_statistic(reading.statistic)}), against frequency in Hz, which models with other "
        f"frame rates share; the large marker is {_bin(reading)}. {_bands(tables)} Equal ω are "
        f"unequal Hz where clips are sampled differently. {_NOMINAL}"
    ]


def spectrogram(tables: Tables, statistic: str) -> list[str]:
    """Sentences under depth × frequency.

    tables: model → table per bin.
    """
    return [
        f"Mean Δ + ½ ln T′ of the clip ({_statistic(statistic)}) over {videos(tables)}, with one "
        "scale for all. Each column is a tap, each cell a bin k, which covers ω = 2(k ± ½)/T′: "
        "cells change their height where T′ changes. Grey: bin 0 is the reference, and taps "
        "without bins. Zero-mean white noise would be flat at ½ ln T′, apart from the bias of "
        f"the statistic ({_WHITE_NOISE[statistic]} at interior bins)."
    ]


def response(tables: Tables, reading: Reading) -> list[str]:
    """Sentences under the block response.

    tables: model → table per bin.
    """
    return [
        "D = Δ of a tap minus Δ of the tap before it on the residual stream "
        f"({_statistic(reading.statistic)}; {_bin(reading)}), where both have the same T′. Below 0 "
        "the sub-layer weakens this frequency against the temporal mean (low-pass), above 0 it "
        f"strengthens it (high-pass). {_bands(tables)} {_MARKERS} "
        f"{_STATIC_BEHIND.capitalize()}, whose response is no response to motion; where it "
        "leaves the axis it lies outside."
    ]


def spatial(tables: Tables, statistic: str) -> list[str]:
    """Sentences under the spatial spectra.

    tables: model → table per bin.
    """
    return [
        f"Δ log amplitude of the 2-D transform of each map ({_over('channels and time', statistic)}"
        "), along the diagonal of its frequencies up to ⌊H/2⌋ − 1, which lies below 1.0π, as Park "
        f"and Kim (2022) draw it; one line per tap. Means over {videos(tables)}. The number of "
        "places alone shifts Δ by −½ ln(HW), so compare taps whose maps have one size."
    ]


def spatial_depth(tables: Tables, statistic: str) -> list[str]:
    """Sentences under the top bins along the depth.

    tables: model → table per bin.
    """
    return [
        "Δ log amplitude at the last bin of the diagonal "
        f"({_over('channels, left also over time,', statistic)}). Left: the 2-D transform. Right: "
        "the 3-D transform, whose diagonal index i is mapped to round(i·top/m) "
        "on each axis, top = ⌊n/2⌋ − 1 and m the smallest of the three tops. "
        f"{_bands(tables)} Lines break where the sizes of the maps change."
    ]


def spatial_depth_by_choice(tables: Tables, statistic: str) -> list[str]:
    """Sentences under the top bins along the depth, one transform at a time."""
    return [
        text.replace(
            "Left: the 2-D transform. Right: the 3-D",
            "Space: the 2-D transform; space and time: the 3-D",
        )
        for text in spatial_depth(tables, statistic)
    ]


def discriminability(tables: Tables) -> list[str]:
    """Sentences under class discriminability.

    tables: model → table per bin.
    """
    return [
        "F = variance between classes over variance within them of each video's mean ln(A + ε), "
        "per bin; bin 0 is at the bottom; grey where nothing differs between videos. Of N "
        "independent videos in C classes F is (N − C)/(N − C − 2) ≈ 1 (white) on average where an "
        "amplitude says nothing about the class. Videos that share a source move this value, below "
        "1 where every source has all classes and above 1 where it has one, so 1 is no limit to "
        "test against; and where classes differ F grows with the number of videos. Over "
        f"{videos(tables)}. What the static clip has too, the class is told by without motion."
    ]


def videos(tables: Tables) -> str:
    """How many videos and clusters, and between what numbers they lie where models differ."""
    counts = {
        column: [int(n) for table in tables.values() for n in table[column].unique()]
        for column in ("n_videos", "n_clusters")
    }
    videos, clusters = _span(counts["n_videos"]), _span(counts["n_clusters"])
    return f"{videos} videos in {clusters} clusters of one source"


def _bands(tables: Tables) -> str:
    counts = runs.numbers(tables)
    how = "bootstrap-t " if counts <= {1} else ""
    return f"Bands: 95 % {how}over {videos(tables)}. {runs.in_words(counts)}"


def _statistic(statistic: str) -> str:
    return f"{statistic}: L = {_STATISTICS[statistic]}"


def _over(axes: str, statistic: str) -> str:
    """The statistic of a transform over space, whose means run over other axes."""
    return _statistic(statistic).replace("space and channels", axes)


def _bin(reading: Reading) -> str:
    return _POINTS[reading.point].partition(",")[0]


def _hertz(tables: Tables, reading: Reading) -> list[str]:
    """Between what frequencies the drawn bin lies, over all taps; nothing where none is known."""
    found = [hz for summary in summaries(tables, reading) for hz in summary.hz]
    if not found:
        return []
    return [f"Over taps and models this bin is {rounding.span(min(found), max(found), 2)} Hz."]


def _several_tokens(tables: Tables, reading: Reading) -> str:
    """A warning where the taps differ in T′, else nothing."""
    tokens = sorted({t for summary in summaries(tables, reading) for t in summary.tokens})
    if len(tokens) < 2:
        return ""
    return (
        f" (here T′ is {', '.join(map(str, tokens))}: compare models by Δ + ½ ln T′ or at "
        "ω = 0.5π, below)"
    )


def _span(numbers: Sequence[int] | pd.Series) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"
