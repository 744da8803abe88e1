"""A study's products in a remote of DVC and back, the small tables among them.

DVC does most of it. Two things it leaves out are added here, by its own means. It enters no run
into its run cache whose stage writes tables for Git (`cache: false`), and it sends none of these
tables: `remember` enters them, and `push` and `pull` move them, so that any run can be restored.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signal_perception.pipeline.errors import UserError

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.transfer import TransferResult

# Extras of this package that bring DVC's part for a protocol of the same name.
_EXTRAS = ("azure", "gs", "s3", "ssh", "webdav")
# Objects of one transfer, and attempts at each that S3's client makes within a few seconds.
_BATCH, _ATTEMPTS = 512, "3"
_LOGGERS = ("dvc", "dvc_data", "dvc_objects")


@dataclass(frozen=True)
class Moved:
    """What a transfer did. files: how many came to the other side; those there are not counted.

    remote: its name and address. missing: outputs of dvc.lock that neither side has.
    """

    files: int
    remote: str
    missing: tuple[Path, ...]


def remember(stages: Collection[str] | None = None) -> None:
    """Enter finished stages into DVC's run cache: those named, or all.

    A stage whose tables are not those of dvc.lock is passed over.
    """
    with _project() as repo:
        _remember(repo, stages)


def push(private: Collection[Path]) -> Moved:
    """Remember all stages and send what dvc.lock promises, but the outputs that are `private`.

    UserError where there is no remote or nothing to send, or where the remote breaks off.
    """
    with _project() as repo:
        remote = _remote(repo)
        outs = [out for out in _outputs(repo) if _path(out) not in private]
        if not outs:
            raise UserError(
                "There is nothing to share: dvc.lock names no results; run signal-perception repro."
            )
        _remember(repo)
        missing = tuple(_path(out) for out in outs if _is_missing(out))
        with _connected(repo, remote, "share") as complaints:
            _drop_lists_of_files_that_lack(repo, outs)
            files = _move(repo.cloud.push, _objects(outs), complaints)
            repo.stage_cache.push(None)
    return Moved(files, remote, missing)


def pull(paths: Collection[Path] | None = None) -> Moved:
    """Fetch what dvc.lock promises, or the outputs at `paths`, and put it into its place.

    UserError where there is no remote, or where it breaks off.
    """
    with _project() as repo:
        remote = _remote(repo)
        outs = [out for out in _outputs(repo) if paths is None or _path(out) in paths]
        with _connected(repo, remote, "fetch") as complaints:
            # the lists of what is in a folder come first
            files = _move(repo.cloud.pull, _hashes(outs), complaints)
            files += _move(repo.cloud.pull, _objects(outs), complaints)
            if paths is None:
                repo.stage_cache.pull(None)
        missing = tuple(_path(out) for out in outs if _is_missing(out))
        for out in outs:
            if out.use_cache and _path(out) not in missing:
                out.checkout()
    return Moved(files, remote, missing)


@contextmanager
def _project() -> Iterator["Repo"]:
    """DVC's view of the project, locked; its own complaints as one sentence."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    try:
        with Repo() as repo, lock_repo(repo):
            yield repo
    except DvcException as error:
        raise UserError(f"DVC refuses: {_sentence(error)}.") from None


def _remember(repo: "Repo", stages: Collection[str] | None = None) -> None:
    for stage in repo.index.stages:
        tables = [out for out in stage.outs if not out.use_cache]
        if stages is not None and stage.addressing not in stages:
            continue
        if tables and not any(out.status() for out in tables):
            repo.stage_cache.save(stage)


def _remote(repo: "Repo") -> str:
    name = repo.config["core"].get("remote")
    if not name or name not in repo.config["remote"]:
        raise UserError(
            "No remote is set to share with: name a folder or an address, "
            "dvc remote add -d store /shared/folder (docs/sharing.md has one for S3, SSH, WebDAV)."
        )
    return f"{name} ({repo.config['remote'][name]['url']})"


@contextmanager
def _connected(repo: "Repo", remote: str, command: str) -> Iterator[list[str]]:
    """Whatever breaks in a transfer, as one sentence. DVC's own lines are heard, not printed.

    Gives what broke so far.
    """
    from dvc.fs import RemoteMissingDepsError

    os.environ.setdefault("AWS_MAX_ATTEMPTS", _ATTEMPTS)
    with _heard() as complaints:
        try:
            _ask(repo)
            yield complaints
            _ask(repo)
        except (ImportError, RemoteMissingDepsError):
            raise UserError(_lacking(remote)) from None
        except Exception as error:
            # every protocol has errors of its own, and none is of this program's making
            complaints.append(_sentence(error))
    if complaints:
        raise UserError(
            f"Remote {remote} gave no answer or broke off ({complaints[0]}); see that it can be "
            f"reached, then run signal-perception {command} again: what has arrived stays."
        )


def _move(
    transfer: Callable[[list["HashInfo"]], "TransferResult"],
    objects: Iterable["HashInfo"],
    complaints: Sequence[str],
) -> int:
    """How many objects came to the other side, the lists of folders after their files.

    Ends after the batch in which a file failed: else each of the rest would be tried in vain.
    """
    ordered = sorted(objects, key=lambda each: (each.isdir, each.value or ""))
    moved = 0
    for first in range(0, len(ordered), _BATCH):
        moved += len(transfer(ordered[first : first + _BATCH]).transferred)
        if complaints:
            raise ConnectionError(complaints[0])
    return moved


def _ask(repo: "Repo") -> None:
    """Let the remote say that it is there: one that is away passes for one that has nothing."""
    store = repo.cloud.get_remote_odb()
    with suppress(FileNotFoundError):
        store.fs.info(store.path)


def _lacking(remote: str) -> str:
    protocol = remote.partition("(")[2].partition(":")[0]
    package = protocol.removesuffix("s") if protocol == "webdavs" else protocol
    how = f"-e '.[{package}]'" if package in _EXTRAS else f"dvc-{package}"
    return f"Remote {remote} needs DVC's part for {protocol}, which is not here: pip install {how}."


@contextmanager
def _heard() -> Iterator[list[str]]:
    """The errors that DVC logs meanwhile; files that fail are logged, and not raised."""
    found: list[str] = []

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            found.append(_sentence(error) if error else record.getMessage())

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [Hears(logging.ERROR)], False
    try:
        yield found
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, True


def _outputs(repo: "Repo") -> list["Output"]:
    """Outputs of the pipeline that dvc.lock knows and that DVC keeps.

    Data of .dvc files are inputs, and stay out. So does what Git alone has: figures and tables of
    the report, whose folders DVC is to leave where they are (`persist`), which makes no run of
    their stages one that can be restored.
    """
    from dvc.stage import PipelineStage

    return [
        out
        for stage in repo.index.stages
        if isinstance(stage, PipelineStage)
        for out in stage.outs
        if out.hash_info and (out.use_cache or not any(each.persist for each in stage.outs))
    ]


def _drop_lists_of_files_that_lack(repo: "Repo", outs: Iterable["Output"]) -> None:
    """Remove the lists of folders from a remote that lacks some of their files.

    A transfer that was killed can leave such a list, and DVC takes it as a sign that all is there.
    """
    store = repo.cloud.get_remote_odb()
    folders = [_objects([out]) for out in outs if out.hash_info and out.hash_info.isdir]
    names = {each.value for folder in folders for each in folder if each.value}
    there = set(store.oids_exist(sorted(names)))
    for folder in folders:
        listed = {each.value for each in folder if each.isdir}
        files = {each.value for each in folder} - listed
        for name in listed & there:
            if name and not files <= there:
                store.delete(name)


def _hashes(outs: Iterable["Output"]) -> set["HashInfo"]:
    return {out.hash_info for out in outs if out.hash_info}


def _objects(outs: Iterable["Output"]) -> set["HashInfo"]:
    """What DVC stores of the outputs; of a folder also its files, where its list is here."""
    from dvc_data.hashfile.tree import Tree

    found = set()
    for out in outs:
        for whole in _hashes([out]):
            found.add(whole)
            if whole.isdir and out.cache.exists(whole.value):
                found |= {file for _, _, file in Tree.load(out.cache, whole) if file}
    return found


def _is_missing(out: "Output") -> bool:
    """Whether DVC's cache lacks the output or a part of it; of a table of Git, too."""
    return not all(out.cache.exists(each.value) for each in _objects([out]))


def _path(out: "Output") -> Path:
    return Path(out.def_path)


def _sentence(error: BaseException) -> str:
    """What an error says, in one line without a full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(".")
