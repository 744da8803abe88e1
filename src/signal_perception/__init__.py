"""How video models perceive signals in time.

Temporal spectra of their activations, and their robustness to weight noise.

For notebooks (each has a docstring; docs/notebook.py shows them at work):

    load_model        a model with weights, of the study or of any file
    read_clips        the clips of a video, as a model is shown them
    predict           the most probable classes of videos
    record            what a model computes at its taps
    perturbed         a model with noise on its weights, inside a `with`
    open_activations  an activation store of the study
    tables            a table of results, of all models of the study
"""

_PLACES = {
    "load_model": "library.model",
    "read_clips": "library.videos",
    "predict": "library.videos",
    "record": "library.recording",
    "perturbed": "library.recording",
    "open_activations": "library.stores",
    "tables": "library.tables",
}


def __getattr__(name: str):
    """A function of the library, imported when it is first used: tables need no PyTorch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
