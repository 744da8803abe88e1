"""The study in one call: checked, then every stage that changed brought up to date."""

from collections.abc import Sequence

from signal_perception.pipeline import dvcfile, lanes, params, remotes
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
    settings, stages = params.load(), dvcfile.stages()
    upstream = dvcfile.upstream(stages)
    stale = lanes.with_downstream(lanes.changed(elsewhere=pull), upstream)
    if dry:
        print("\n".join(stale) or "nothing")
    if stale:
        # PyTorch is imported where there is something to do: nothing to do is told at once
        import torch

        from signal_perception.commands import checks

        if not pull or any(name.partition("@")[0] in _READ_INPUTS for name in stale):
            for problem in checks.problems(settings):
                raise UserError(problem)
        if dry:
            return
        if pull:
            _bring([stages[name] for name in stale])
        gpus = torch.cuda.device_count()
        lanes.repro(stale, upstream, at_once or lanes.fitting(settings.cpu_threads, gpus), gpus)
        remotes.remember(stale)
        print(lanes.HINT)
    elif not dry:
        print("Nothing has changed: all stages are up to date.")
    if not dry:
        from signal_perception.commands import page

        # it is no output of a stage: after a checkout it may be missing, or of another study
        print(f"The report is at {page.up_to_date().resolve()}")


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
