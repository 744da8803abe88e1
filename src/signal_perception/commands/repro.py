"""The study in one call: checked, then every stage that changed brought up to date."""

from collections.abc import Mapping, Sequence

from signal_perception.pipeline import dvcfile, environment, lanes, params, remotes, turn
from signal_perception.pipeline.errors import UserError

# They read videos and pre-trained weights, which the checks look for.
_READ_INPUTS = ("synthesise", "decode", "finetune")


def repro(at_once: int | None, dry: bool, pull: bool = False) -> None:
    """Bring the study up to date, `at_once` stages at a time; None: what the machine allows.

    dry: print what would run at most, a stage a line, in an order in which it can run. A stage
        whose inputs come out as they were before is passed over in the end.
    pull: data that is not here counts as up to date, and what the stages read of it is fetched from
        the remote.
    """
    if dry:
        _list(pull)
        return
    with turn.taken():
        _run(at_once, pull)


def _run(at_once: int | None, pull: bool) -> None:
    environment.refuse_malformed()
    settings, stages = params.load(), dvcfile.stages()
    upstream = dvcfile.upstream(stages)
    stale = _stale(upstream, pull)
    if stale:
        _refuse_problems(settings, stale, pull)
        if pull:
            _bring([stages[name] for name in stale])
        gpus, each, fitting = _gpus()
        fitting = lanes.fitting(settings.cpu_threads, fitting)
        lanes.repro(stale, upstream, at_once or fitting, gpus, each, close=not pull)
        remotes.remember(stale)
        print(lanes.HINT)
    else:
        print("Nothing has changed: all stages are up to date.")
    from signal_perception.commands import page

    # it is no output of a stage: after a checkout it may be missing, or of another study
    print(f"The report is at {page.up_to_date().resolve()}")


def _list(pull: bool) -> None:
    settings = params.load()
    stale = _stale(dvcfile.upstream(dvcfile.stages()), pull)
    print("\n".join(stale) or "nothing")
    if stale:
        _refuse_problems(settings, stale, pull)


def _stale(upstream: Mapping[str, set[str]], pull: bool) -> list[str]:
    return lanes.with_downstream(lanes.changed(elsewhere=pull), upstream)


def _refuse_problems(settings: params.Params, stale: Sequence[str], pull: bool) -> None:
    if pull and not any(name.partition("@")[0] in _READ_INPUTS for name in stale):
        return
    # PyTorch is imported where there is something to do: nothing to do is told at once
    from signal_perception.commands import checks

    for problem in checks.problems(settings):
        raise UserError(problem)


def _gpus() -> tuple[list[str], int, int]:
    """Names of the GPUs that lanes share out, how many each gets, how many lanes they are for."""
    import torch

    from signal_perception.finetune import processes
    from signal_perception.inference.device import device
    from signal_perception.pipeline import gpus

    where = device()
    if where.type != "cuda":
        return [], 1, 0
    if where.index is not None:
        # one GPU that the user has named: every stage sees all and takes that one
        return [], 1, 1
    visible, each = gpus.visible(torch.cuda.device_count()), processes.asked()
    return visible, each, max(1, len(visible) // each)


def _bring(stale: Sequence[dvcfile.Stage]) -> None:
    """Fetch what these stages read, is not here, and none of them writes."""
    made = {out for stage in stale for out in stage.outs}
    read = {path for stage in stale for path in stage.inputs if not path.exists()} - made
    if not read:
        return
    moved = remotes.pull(read)
    print(f"{moved.files} files fetched: remote {moved.remote}.")
    if lacking := sorted(path for path in read if not path.exists()):
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UserError(
            f"{lacking[0]}{more} is neither here nor in remote {moved.remote}, and a stage that "
            "changed reads it: ask who has the study to share it, or run signal-perception repro "
            "with the videos."
        )
