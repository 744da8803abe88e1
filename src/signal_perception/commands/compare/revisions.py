"""An experiment as files: a Git revision, an experiment of DVC by its name, or the workspace."""

import io
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

from signal_perception.pipeline import dvcfile, params
from signal_perception.pipeline.dvcfile import DVCFILE, Stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Study, read_yaml
from signal_perception.report.results import tables
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Report

WORKSPACE = "workspace"
# What an experiment is compared by, all of it in Git.
_PARTS = (str(DVCFILE), str(params.PARAMS), "params", "reports")
# Code that can change a result; the machinery and the commands cannot.
_CODE = ("src", "stages")
_NO_RESULT = ("src/signal_perception/pipeline/", "src/signal_perception/commands/")


@dataclass(frozen=True)
class Experiment:
    """Parameters and tables of one experiment.

    name: as it was asked for. commit: its hash; empty for the workspace. root: where its files lie.
    seed, draws: of its resamples. stages: whose outputs lie below `root`.
    """

    name: str
    commit: str
    root: Path
    study: Study
    reading: Reading
    seed: int
    draws: int
    stages: dict[str, Stage]
    results: list[Results]


@dataclass(frozen=True)
class _Elsewhere(Stage):
    """A stage whose outputs lie below another root than the current folder."""

    root: Path = Path()

    def out(self, beginning: str) -> Path:
        return self.root / super().out(beginning)


def experiment(name: str, folder: Path) -> Experiment:
    """An experiment by its name; files of a revision are written to `folder`.

    UserError where there is no such revision, or where it has no tables.
    """
    if name == WORKSPACE:
        return _read(name, "", Path())
    commit = _commit(name)
    there = _git("ls-tree", "--name-only", commit).split("\n")
    parts = [part for part in _PARTS if part in there]
    if not {str(DVCFILE), str(params.PARAMS), "reports"} <= set(parts):
        raise UserError(
            f"Revision {name} has no tables to compare (it lacks one of {', '.join(_PARTS)}); name "
            "one in which a study was run and committed."
        )
    archive = _run("archive", "--format=tar", commit, *parts).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return _read(name, commit, folder)


def changed_code(first: Experiment, second: Experiment) -> list[str]:
    """Source files that differ between two experiments and can change a result."""
    commits = [each.commit for each in (first, second) if each.commit]
    # a difference of a commit and the workspace, whichever of them comes first
    files = _git("diff", "--name-only", "--relative", *commits, "--", *_CODE) if commits else ""
    return [file for file in files.split("\n") if file and not file.startswith(_NO_RESULT)]


def _read(name: str, commit: str, root: Path) -> Experiment:
    content = read_yaml(root / params.PARAMS)
    try:
        study = Study.model_validate(content["study"])
        settings = Report.model_validate(content["report"])
        seed, draws = int(content["seed"]), int(content["noise"]["bootstrap"])
        stages: dict[str, Stage] = {
            key: _Elsewhere(**vars(stage), root=root) for key, stage in dvcfile.stages(root).items()
        }
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"The parameters of {name} are not those that this version knows; compare it with the "
            "code of its time (git checkout)."
        ) from None
    try:
        results = tables.read_study(study, stages)
    except UserError:
        raise UserError(
            f"There are no tables of the study in {name}; run it there (dvc repro), or name "
            "another revision."
        ) from None
    reading = Reading(settings.point, settings.statistic)
    return Experiment(name, commit, root, study, reading, seed, draws, stages, results)


def alike(first: Experiment, second: Experiment) -> tuple[Experiment, Experiment]:
    """Both with the reading of the second, so that their Δ are the same quantity."""
    return replace(first, reading=second.reading), second


def _commit(name: str) -> str:
    """Hash of a revision of Git or of an experiment of DVC."""
    if _run("rev-parse", "--git-dir").returncode:
        raise UserError(
            "This folder is not in a Git repository, so there is no revision to compare; run "
            "git init and commit the study."
        )
    experiments = {}
    for line in _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").split("\n"):
        commit, _, reference = line.partition(" ")
        # refs/exps/<two letters>/<baseline>/<name>, unlike the queue's and the running ones
        if reference.count("/") == 4:
            experiments.setdefault(reference.rpartition("/")[2], set()).add(commit)
    found = experiments.get(name, set())
    if len(found) > 1:
        raise UserError(
            f"There are {len(found)} experiments called {name}, with different baselines; name one "
            f"by its hash: {', '.join(sorted(commit[:10] for commit in found))}."
        )
    if found:
        return found.pop()
    # a name that begins with a dash would be an option
    asked = _run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if name.startswith("-") or asked.returncode:
        known = ", ".join(sorted(experiments)) or "none"
        raise UserError(
            f"There is no revision {name!r} in Git, and no experiment of this name; experiments: "
            f"{known} (dvc exp show, git log)."
        )
    return asked.stdout.decode().strip()


def _git(*words: str) -> str:
    done = _run(*words)
    if done.returncode:
        raise UserError(f"git {words[0]} failed: {done.stderr.decode().strip()}.")
    return done.stdout.decode().strip()


def _run(*words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("There is no git on this machine; install it.") from None
