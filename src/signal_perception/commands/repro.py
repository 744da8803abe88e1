"""The study in one call: checked, then every stage that changed brought up to date."""

from signal_perception.pipeline import dvcfile, environment, lanes, params, turn
from signal_perception.pipeline.errors import UserError


def repro(at_once: int | None, dry: bool) -> None:
    """Bring the study up to date, `at_once` stages at a time; None: what the machine allows.

    dry: print what would run at most, a stage a line, in an order in which it can run. A stage
        whose inputs come out as they were before is passed over in the end.
    """
    if dry:
        _list()
        return
    with turn.taken():
        _run(at_once)


def _run(at_once: int | None) -> None:
    settings = params.load()
    environment.refuse_malformed()
    upstream = dvcfile.upstream(dvcfile.stages())
    stale = lanes.with_downstream(lanes.changed(), upstream)
    if stale:
        _refuse_problems(settings)
        gpus, each, fitting = _gpus()
        fitting = lanes.fitting(settings.cpu_threads, fitting)
        lanes.repro(stale, upstream, at_once or fitting, gpus, each)
        print(lanes.HINT)
    else:
        print("Nothing has changed: all stages are up to date.")
    from signal_perception.commands import page

    # it is no output of a stage: after a checkout it may be missing, or of another study
    print(f"The report is at {page.up_to_date().resolve()}")


def _list() -> None:
    settings = params.load()
    stale = lanes.with_downstream(lanes.changed(), dvcfile.upstream(dvcfile.stages()))
    print("\n".join(stale) or "nothing")
    if stale:
        _refuse_problems(settings)


def _refuse_problems(settings: params.Params) -> None:
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
