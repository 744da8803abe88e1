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
    "load_model": "api.model",
    "read_clips": "api.videos",
    "predict": "api.videos",
    "record": "api.recording",
    "perturbed": "api.recording",
    "open_activations": "api.stores",
    "tables": "api.tables",
}


def __getattr__(name: str):
    """A function of `api`, imported when it is first used: tables need no PyTorch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
