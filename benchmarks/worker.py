"""One measurement of one system, in a process of its own: ``python worker.py REQUEST RESULT``.

REQUEST is a JSON file written by `run.py`, RESULT the JSON file that this leaves. It runs in the
system's own environment, so it imports nothing but the standard library before the system does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import limits
from jobs import job_named
from measures import MEASURES
from systems import Task, system_named


def pin(threads: int) -> None:
    """Keeps the process on as many cores as it may have threads: the same for every system."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main(request_file: str, result_file: str) -> None:
    request = json.loads(Path(request_file).read_text()) | {"answer": result_file}
    pin(request["threads"])
    if request["measure"] == "training":  # of the model, which is NumPy's
        os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if request.get("memory_group"):
        limits.join(Path(request["memory_group"]))
    system = system_named(request["system"])
    task = Task(
        job=job_named(request["job"]),
        folder=Path(request["folder"]),
        threads=request["threads"],
        antialias=system.antialias,
        options=system.options,
        scratch=Path(request["scratch"]) if request.get("scratch") else None,
    )

    def load() -> ModuleType:
        return importlib.import_module(f"systems.{system.module}")

    result = MEASURES[request["measure"]](load, task, request | {"package": system.package})
    result["versions"] = load().versions()
    Path(result_file).write_text(json.dumps(result))
    # Some frameworks hang, or crash, while they tear their threads down: the measurement is over.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
