"""A Dask cluster for this project's units of work: on this machine, under SLURM or under PBS.

    python docs/cluster.py local --workers 2                 prints its address and stays
    python docs/cluster.py slurm --workers 16 --queue cpu -- signal-perception repro --lanes 1
    python docs/cluster.py pbs --workers 16 --script         prints the job script, starts nothing

Run it in the project's folder: the workers begin there, with PYTHONPATH=src, and refuse work if
they see other files or other code. With a command after -- it runs that with DASK_SCHEDULER_ADDRESS
set, ends the cluster and returns its exit code. slurm and pbs: pip install -e '.[cluster]'.
"""

import argparse
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# One worker lost may be the machine's fault; a unit that two were lost with is tried by itself.
_ALLOWED_FAILURES = 1


def main() -> int:
    asked, command = _arguments()
    os.environ["PYTHONPATH"] = os.pathsep.join(["src", os.environ.get("PYTHONPATH", "")]).strip(":")
    import dask

    dask.config.set({"distributed.scheduler.allowed-failures": _ALLOWED_FAILURES})
    # the scheduler is in this process and reads work, too
    sys.path.insert(0, "src")
    if asked.script:
        print(_queue(asked).job_script())
        return 0
    with _local(asked) if asked.kind == "local" else _queue(asked) as cluster:
        if asked.kind != "local":
            # and not scale: jobs that end are followed by others
            cluster.adapt(minimum_jobs=asked.workers, maximum_jobs=asked.workers)
        if not command:
            print(cluster.scheduler_address, flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
            return 0
        address = {"DASK_SCHEDULER_ADDRESS": cluster.scheduler_address}
        return subprocess.run(command, env=os.environ | address, check=False).returncode


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    own, command = sys.argv[1:], []
    if "--" in own:
        own, command = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("local", "slurm", "pbs"))
    parser.add_argument("--workers", type=int, default=2, help="processes; under a queue also jobs")
    parser.add_argument("--cores", type=int, default=4, help="of a job")
    parser.add_argument("--memory", default="16GB", help="of a job")
    parser.add_argument("--gpus", type=int, default=0, help="of a job")
    parser.add_argument("--hours", type=int, default=12, help="of a job")
    parser.add_argument("--queue", help="partition of SLURM, queue of PBS")
    parser.add_argument("--interface", help="network between nodes, e.g. ib0")
    parser.add_argument("--script", action="store_true", help="print the job script alone")
    asked = parser.parse_args(own)
    if asked.script and asked.kind == "local":
        parser.error("--script is for slurm and pbs")
    return asked, command


def _local(asked: argparse.Namespace) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=asked.workers, threads_per_worker=1, dashboard_address=None, memory_limit=0
    )


def _queue(asked: argparse.Namespace) -> Any:
    try:
        jobqueue = import_module("dask_jobqueue")
    except ModuleNotFoundError:
        sys.exit("error: dask-jobqueue is not installed; run pip install -e '.[cluster]'.")
    common = {
        "cores": 1,
        "processes": 1,
        "memory": asked.memory,
        "walltime": f"{asked.hours}:00:00",
        "queue": asked.queue,
        "interface": asked.interface,
        "log_directory": "logs/cluster",
        # units are short: a worker hands back what it holds before the queue ends it
        "worker_extra_args": ["--lifetime", f"{asked.hours * 60 - 5}m"],
        "job_script_prologue": [f"cd {Path.cwd()}", "export PYTHONPATH=src"],
    }
    if asked.kind == "slurm":
        gpus = [f"--gres=gpu:{asked.gpus}"] if asked.gpus else []
        return jobqueue.SLURMCluster(
            **common, job_cpu=asked.cores, job_extra_directives=["--requeue", *gpus]
        )
    gpus = f":ngpus={asked.gpus}" if asked.gpus else ""
    chunk = f"select=1:ncpus={asked.cores}:mem={asked.memory.lower()}{gpus}"
    return jobqueue.PBSCluster(**common, resource_spec=chunk, job_extra_directives=["-r y"])


if __name__ == "__main__":
    raise SystemExit(main())
