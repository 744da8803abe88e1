"""A project that lies elsewhere: a clone at a revision, and its DVC remote, without a checkout.

The revision's dvc.lock says which bytes; they come from the clone's DVC cache where it lies on this
machine, else from its remote. Git clones an address into a temporary folder, once per address in a
process, which costs what its history weighs; it goes when the process ends.
"""

import atexit
import errno
import functools
import gc
import hashlib
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signal_perception.api.objects import Objects, Remembered, read_range, release
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.yamlfile import parse_yaml

if TYPE_CHECKING:
    from zarr.storage import FsspecStore

_LOCK, _PARAMS = "dvc.lock", "params.yaml"
# What DVC calls the cache of a clone on this machine that has no remote.
_NO_REMOTE = "auto-generated-upstream"
_SHOWN = 12
# Options of a remote of DVC that are a shell command, or a file that may name one.
_PROGRAMS = ("bearer_token_command", "configpath", "credentialpath")


class Clone:
    """A project at a revision. Make one by `opened`.

    repo: address, or folder of a clone on this machine. rev: None: its default branch; of a folder,
    what stands in it now. trusted: whether its configuration may run programs.
    """

    def __init__(
        self,
        repo: str,
        rev: str | None,
        remote: str | None,
        options: Mapping[str, Any] | None,
        trusted: bool = False,
    ):
        self.name = f"{repo} at {rev}" if rev else repo
        self._asked, self._options, self._trusted = remote, options or {}, trusted
        self._files = _files(repo, rev, remote, options)
        self._read = Remembered(self._read_object)
        _open.add(self)

    @functools.cached_property
    def outs(self) -> dict[str, str]:
        """Path of every output of DVC in dvc.lock → MD5, which ends in ".dir" for a folder."""
        stages = (self._yaml(_LOCK, "nothing has run there") or {}).get("stages", {})
        entries = (entry for stage in stages.values() for entry in stage.get("outs", []))
        return {entry["path"]: entry["md5"] for entry in entries if "md5" in entry}

    @functools.cached_property
    def seeds(self) -> list[int]:
        """The runs of its study."""
        try:
            return self._yaml(_PARAMS, "it is no project")["study"]["seeds"]
        except (KeyError, TypeError):
            raise UserError(
                f"{_PARAMS} of {self.name} names no runs (study.seeds); name one (seed=)."
            ) from None

    def listed(self, folder: str) -> dict[str, str]:
        """Posix path below an output folder → MD5, of all its files."""
        content = json.loads(self._read(folder, self.outs[folder]))
        return {entry["relpath"]: entry["md5"] for entry in content}

    def store(self, folder: str) -> "FsspecStore":
        """An output folder as a store of zarr, whose values are read when they are used."""
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
        from zarr.storage import FsspecStore

        files = Objects(folder, self.listed(folder), self._read)
        wrapped = AsyncFileSystemWrapper(files, asynchronous=True)
        return FsspecStore(wrapped, read_only=True, path=folder)

    def close(self) -> None:
        """Close what is open in Git."""
        self._files.close()

    def _yaml(self, name: str, otherwise: str) -> Any:
        try:
            text = self._files.read_text(name, encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"{self.name} has no {name}: {otherwise}; name another.") from None
        except UnicodeDecodeError:
            raise UserError(f"{name} of {self.name} is no text in UTF-8; mend it there.") from None
        return parse_yaml(text, f"{name} of {self.name}")

    def _read_object(self, path: str, md5: str, start: int | None, end: int | None) -> bytes:
        """Bytes of a file; one that is read whole is checked by the name of its object."""
        cache = self._files.repo.cache.local
        kept = cache.oid_to_path(md5)
        if Path(kept).is_file():
            content, place = read_range(cache.fs, kept, start, end), "DVC's cache"
        else:
            odb, place = self._remote
            with _of_remote(place, f"{path} of {self.name}"):
                content = read_range(odb.fs, odb.oid_to_path(md5), start, end)
        whole = start is None and end is None
        if whole and hashlib.md5(content).hexdigest() != md5.removesuffix(".dir"):
            raise UserError(
                f"{path} of {self.name} is damaged in {place}: its MD5 is not {md5}, which "
                "dvc.lock leads to; delete the object there and push it again (dvc push)."
            )
        return content

    @functools.cached_property
    def _remote(self) -> tuple[Any, str]:
        """Where the objects lie, and how that is called."""
        repo = self._files.repo
        there = sorted(name for name in repo.config["remote"] if name != _NO_REMOTE)
        name = self._asked or repo.config["core"].get("remote")
        if name == _NO_REMOTE or not name:
            said = f"it has {', '.join(there)}; name one (remote=)" if there else "it has none"
            raise UserError(
                f"{self.name} has no default remote of DVC to read from: {said}"
                f"{'' if there else '; add one there (dvc remote add -d)'}."
            )
        if name not in repo.config["remote"]:
            raise UserError(
                f"{self.name} has no remote {name!r}; it has {', '.join(there) or 'none'}."
            )
        self._refuse_programs(name)
        place = f"the remote {name} ({repo.config['remote'][name]['url']})"
        with _of_remote(place, self.name):
            odb = repo.cloud.get_remote(name).odb
        weakref.finalize(self, release, odb.fs)
        return odb, place

    def _refuse_programs(self, remote: str) -> None:
        """UserError where what Git has of a stranger's configuration would run a program here."""
        said = self._files.repo.config.load_one("repo")["remote"].get(remote, {})
        found = [name for name in _PROGRAMS if name in said and name not in self._options]
        if found and not self._trusted:
            raise UserError(
                f"The remote {remote} of {self.name} sets {found[0]}, which can run programs of "
                "its author on this machine; if you know what it is, give it yourself "
                f"(remote_config={{{found[0]!r}: …}})."
            )


# All that are still in use.
_open: "weakref.WeakSet[Clone]" = weakref.WeakSet()


@contextmanager
def _of_remote(place: str, what: str) -> Iterator[None]:
    """Whatever a remote's library raises, as one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(
            f"{what} is not on {place}; push it from where it was made (dvc push)."
        ) from None
    # Every kind of remote has errors of its own library, which have no common class.
    except Exception as error:
        raise UserError(
            f"{what} cannot be read from {place}: {_cause(error)}; see that it answers and that "
            "its credentials are right."
        ) from error


def opened(
    repo: str | Path,
    rev: str | None = None,
    remote: str | None = None,
    options: Mapping[str, Any] | None = None,
    trusted: bool = False,
) -> Clone:
    """A clone at a revision; one per address, revision and remote in a process.

    options: of the remote, by DVC's names, in place of those of the clone's configuration. trusted:
    of a folder: it is the user's own project.
    UserError where there is no such repository or revision.
    """
    text = os.fspath(repo)
    folder = os.path.expanduser(text)  # noqa: PTH111
    # no Path: an address may be longer than a path can be
    if os.path.exists(folder):  # noqa: PTH110
        text = os.path.realpath(folder)
        if rev is None or trusted:
            # what stands in a folder may change
            return Clone(text, rev, remote, options, trusted)
    return _kept(text, rev, remote, json.dumps(options, sort_keys=True))


@functools.lru_cache(maxsize=16)
def _kept(repo: str, rev: str | None, remote: str | None, options: str) -> Clone:
    return Clone(repo, rev, remote, json.loads(options))


def _files(
    repo: str, rev: str | None, remote: str | None, options: Mapping[str, Any] | None
) -> Any:
    """DVC's view of what Git has at a revision."""
    from dvc.api import DVCFileSystem
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException
    from dvc.scm import CloneError, RevError

    _clean_at_the_end()
    given = dict(options) if options else None
    files = DVCFileSystem(repo, rev=rev, remote=remote, remote_config=given)
    try:
        # opens it
        files.repo  # noqa: B018
    except RevError:
        asked = f"no revision {rev!r}" if rev else "no default branch"
        raise UserError(f"{repo} has {asked}; {_revisions(repo)} (rev=).") from None
    except CloneError as error:
        raise UserError(
            f"There is no Git repository at {repo}, or it cannot be reached "
            f"({_cause(error.__cause__ or error)}); name the address or the folder of a clone."
        ) from None
    except (ConfigError, ValueError) as error:
        raise UserError(
            f"DVC's configuration of {repo} cannot be used ({_cause(error)})."
        ) from None
    except DvcException as error:
        raise UserError(f"{repo} cannot be opened by DVC ({_cause(error)}).") from None
    return files


def _revisions(repo: str) -> str:
    """Which branches and tags there are, as the end of a sentence."""
    from dvc.api import DVCFileSystem

    scm = DVCFileSystem(repo, rev="HEAD").repo.scm
    heads, tags, away = "refs/heads/", "refs/tags/", "refs/remotes/origin/"
    found = {
        ref.removeprefix(start)
        for start in (heads, tags, away)
        for ref in scm.iter_refs(start)
        if not ref.endswith("/HEAD")
    }
    names = sorted(found)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it has {', '.join(names[:_SHOWN]) or 'no branch'}{more}"


@functools.cache
def _clean_at_the_end() -> None:
    """DVC leaves its temporary clones where it is not the program that ends."""
    atexit.register(close)


def close() -> None:
    """Forget all clones, and delete the temporary ones."""
    from dvc.repo.open_repo import clean_repos

    for each in list(_open):
        each.close()
    _open.clear()
    _kept.cache_clear()
    # what Git's readers hold is freed before Python ends, which they do not survive silently
    gc.collect()
    clean_repos()


def _cause(error: BaseException) -> str:
    """An error in a few words, on one line and without its full stop."""
    if isinstance(error, OSError) and error.errno in errno.errorcode and error.strerror:
        return error.strerror
    words = " ".join(str(error).split()) or type(error).__name__
    return words.rstrip(".")
