"""The function that makes the batches for the Cerebras SDK, so made that it travels by value.

The SDK pickles it (with dill, following what it refers to) and calls it on each of the cluster's
worker nodes. It brings this package's worker side and the workload file with it: nothing of the
user's disk but the decoded data set must be mounted there.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any, Callable, Dict, Tuple

import accelbench
from accelbench import codec
from accelbench.records import Job
from accelbench.workers.cerebras_data import WORKLOAD, Part

_BESIDE_WORKERS = ("__init__.py", "codec.py", "records.py")


def request(job: Job, part: Part) -> Tuple[Callable[..., Any], str, Dict[str, Any], Dict[str, str]]:
    """Return what the SDK's DataLoader takes: the function and its arguments, which are builtins.

    The last holds the files that a worker node does not have, by their names.
    """
    files = _files()
    with open(job.workload_path, encoding="utf-8") as file:  # noqa: PTH123  # as the task opens it
        files[WORKLOAD] = file.read()
    return _by_value(), codec.dumps(replace(job, rank=0, world=1)), asdict(part), files


def _by_value() -> Callable[..., Any]:
    """Return a function that is pickled with its code: as if it had been typed in."""

    def batches(job_text: str, part_fields: Dict[str, Any], files: Dict[str, str]) -> Any:  # noqa: ANN401
        import importlib.util
        import os
        import sys
        import tempfile

        if "accelbench" not in sys.modules:
            folder = tempfile.mkdtemp(prefix="accelbench-")
            for name, text in files.items():
                path = os.path.join(folder, *name.split("/"))  # noqa: PTH118
                os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103,PTH120
                with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
                    file.write(text)
            package = os.path.join(folder, "accelbench")  # noqa: PTH118
            spec: Any = importlib.util.spec_from_file_location(
                "accelbench",
                os.path.join(package, "__init__.py"),  # noqa: PTH118
                submodule_search_locations=[package],
            )
            sys.modules["accelbench"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules["accelbench"])
        from accelbench.workers.cerebras_data import opened

        return opened(job_text, part_fields)

    batches.__module__ = "__main__"
    batches.__qualname__ = "batches"
    return batches


def _files() -> Dict[str, str]:
    """Return this package's worker side, by the names of its files."""
    package = os.path.dirname(str(accelbench.__file__))  # noqa: PTH120  # as the task names files
    found = {}
    for folder in ("", "workers"):
        for name in sorted(os.listdir(os.path.join(package, folder))):  # noqa: PTH118,PTH208
            if name.endswith(".py") and (folder or name in _BESIDE_WORKERS):
                with open(os.path.join(package, folder, name), encoding="utf-8") as file:  # noqa: PTH118,PTH123
                    found["/".join(filter(None, ("accelbench", folder, name)))] = file.read()
    return found
