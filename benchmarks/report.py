"""What the page of a full-size study costs: reading, findings, figures, and all of it.

    python -m benchmarks report

The tables are planted, see `benchmarks/report_tables.py`: nine models, HMDB51 and UCF101.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from benchmarks import report_tables
from benchmarks.timing import load, once
from signal_perception.commands.use import use
from signal_perception.pipeline import dvcfile
from signal_perception.pipeline.errors import UserError
from signal_perception.report.findings import first, losses
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.page import page
from signal_perception.report.results import tables
from signal_perception.report.settings import Settings
from tests.support import project

_ROOT = Path(__file__).parents[1]


def measure() -> Iterator[str]:
    """Seconds of each part, in this process; then of the stage as DVC runs it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plant(folder)
        yield from of(folder)


def plant(folder: Path) -> None:
    """The project with the poster's study, nine models, and its planted tables."""
    for part in (*project.PARTS, "presets"):
        source = _ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, dirs_exist_ok=True)
        else:
            shutil.copy(source, folder / part)
    use(folder / "presets/poster.yaml", folder)
    project.set_keys(folder / "params.yaml", {"study.models": list(report_tables.MODELS)})
    report_tables.plant(dvcfile.stages(folder), folder)


def of(folder: Path) -> Iterator[str]:
    """Measure the study in a folder."""
    with chdir(folder):
        settings = Settings.model_validate(dvcfile.declared(dvcfile.stage("report")))
        bootstrap = Bootstrap(settings.seed, settings.noise["bootstrap"])
        results = []
        seconds = once(lambda: results.extend(tables.read_study(settings.study, dvcfile.stages())))
        yield _line("reading", seconds)
        compared = []
        seconds = once(
            lambda: compared.extend(
                losses.comparison(each.robustness, each.noise, bootstrap) for each in results
            )
        )
        yield _line("models under noise, each pair", seconds)
        given = list(zip(results, compared))
        seconds = once(lambda: [first.findings(each, settings, known) for each, known in given])
        yield _line("findings in words", seconds)
        made = []
        seconds = once(lambda: made.append(page.page(results, settings)))
        yield _line("figures, rows and page, all of it", seconds)
        size = len(made[0].html.encode()) / 1e6
        yield f"{'page':38} {size:5.1f} MB with {len(made[0].figures)} figures"
        for workers in (1, 2):
            yield _line(f"stages/report.py, {workers} process(es)", _stage(folder, workers))
    yield load()


def _stage(folder: Path, workers: int) -> float:
    """Seconds of the stage in a process of its own, the start of Python among them."""
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "stages/report.py"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(folder / "src"), "SIGNAL_PERCEPTION_WORKERS": str(workers)},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise UserError(f"The stage report failed in {folder}: {answer.stderr.strip()}")
    return time.perf_counter() - start


def _line(name: str, seconds: float) -> str:
    return f"{name:38} {seconds:5.1f} s"
