"""The study in one call: checked, then every stage that changed brought up to date."""

from signal_perception.pipeline import dvcfile, environment, lanes, params
from signal_perception.pipeline.errors import UserError


def repro(at_once: int | None, dry: bool) -> None:
    """Bring the study up to date, `at_once` stages at a time; None: what the machine allows.

    dry: print what would run at most, a stage a line, in an order in which it can run. A stage
        whose inputs come out as they were before is passed over in the end.
    """
    settings = params.load()
    environment.refuse_malformed()
    upstream = dvcfile.upstream(dvcfile.stages())
    stale = lanes.with_downstream(lanes.changed(), upstream)
    if dry:
        print("\n".join(stale) or "nothing")
    if stale:
        # PyTorch is imported where there is something to do: nothing to do is told at once
        import torch

        from signal_perception.commands import checks

        for problem in checks.problems(settings):
            raise UserError(problem)
        if dry:
            return
        gpus = torch.cuda.device_count()
        lanes.repro(stale, upstream, at_once or lanes.fitting(settings.cpu_threads, gpus), gpus)
        print(lanes.HINT)
    elif not dry:
        print("Nothing has changed: all stages are up to date.")
    if not dry:
        from signal_perception.commands import page

        # it is no output of a stage: after a checkout it may be missing, or of another study
        print(f"The report is at {page.up_to_date().resolve()}")
