"""Colour and marker of each panel of noise, the same in all figures."""

from collections.abc import Iterable
from typing import Literal

from matplotlib.lines import Line2D

# After Okabe and Ito; the markers tell panels apart without colour.
_LOOKS = {
    "$W_Q$": ("#0072b2", "o"),
    "$W_K$": ("#56b4e9", "s"),
    "$W_V$": ("#d55e00", "^"),
    "front third": ("#332288", "v"),
    "middle third": ("#cc79a7", "D"),
    "rear third": ("#009e73", "P"),
}
_SPARE = (("#7a7a7a", "X"), ("#e69f00", "h"), ("#882255", "p"), ("#999933", "*"), ("#1a1a1a", "d"))


def looks(titles: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title → colour and marker; spare ones in turn for panels of one's own."""
    titles = list(dict.fromkeys(titles))
    others = [title for title in titles if title not in _LOOKS]
    return {t: _LOOKS[t] if t in _LOOKS else _SPARE[others.index(t) % len(_SPARE)] for t in titles}


def order(titles: Iterable[str]) -> list[str]:
    """Each title once: Q, K, V and the thirds first, others as they appear."""
    known = list(_LOOKS)
    once = list(dict.fromkeys(titles))
    return sorted(once, key=lambda title: known.index(title) if title in known else len(known))


def handles(titles: Iterable[str], linestyle: Literal["-", "None"] = "None") -> list[Line2D]:
    """Legend entries."""
    return [
        Line2D([], [], color=color, marker=marker, markersize=5, linestyle=linestyle, label=title)
        for title, (color, marker) in looks(order(titles)).items()
    ]
