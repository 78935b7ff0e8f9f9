"""Inside the SDK's interpreter: the engine as a CSX is driven, on the CPU backend.

One executor for all epochs, an evaluation at the end; log lines as a cluster writes them, which
come from inside the first step; closures that run every so many steps only; a training that
diverges and leaves its executor with steps to do; an evaluation whose answers are lost.
Arguments: the workload file, a folder with decoded digits.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelbench import ways
from accelbench.records import DataFiles, Epoch, Job, RunSpec
from accelbench.workers import cerebras_parts, cerebras_phases
from accelbench.workers.cerebras_data import Part
from accelbench.workers.cerebras_engine import CerebrasEngine
from accelbench.workers.cerebras_sdk import open_sdk
from accelbench.workers.clock import PhaseClock
from accelbench.workers.engine import resolve
from accelbench.workers.host import LoadMeter
from accelbench.workers.loop import Instruments, Progress, train
from accelbench.workers.task import load_workload

EPOCHS, QUEUED, PROGRAMMED = 3, 2.0, 1.0

LINES = (
    ("Compiling the model. This may take a few minutes.", 0.0),
    ("Initiating a new execute wsjob against the cluster server.", QUEUED),
    ("Recording the timestamp when jobs is scheduled.", 0.0),
    ("Programming Cerebras Wafer Scale Cluster for execution. This may take a few minutes.", 0.0),
    ("Preparing to execute using 1 CSX", PROGRAMMED),
    ("Beginning appliance run", 0.0),
)


def job(workload: str, folder: str, **params: Any) -> Job:  # noqa: ANN401  # scalars
    """Return the job of a training on the digits."""
    files = DataFiles("digits", "", folder)
    options = (("activation_steps", 1), ("artifact_dir", ""))
    explicit = tuple({"train_samples": 500, "batch_size": 50, **params}.items())
    spec = RunSpec("softmax", "cerebras-cpu", "torch", "digits", 3, EPOCHS, explicit)
    return Job(spec, workload, "cerebras", files, platform="cerebras-cpu", options=options)


class Training:
    """One engine, driven by the loop; what the phases were told is kept."""

    def __init__(self, sdk: Any, given: Job, *, at_end: bool) -> None:  # noqa: ANN401  # the SDK
        workload = load_workload(given.workload_path)
        params = resolve(workload.PARAMETERS, given.spec.params)
        training = workload.build(params)
        parts = cerebras_parts.cut(given, workload, params, training)
        # Five steps, of which closures that run every so many steps would not see all.
        parts = replace(parts, test=(Part(72, training=False, end=360),))
        self.heard: list[str] = []
        self.clock = PhaseClock(self.heard.append)
        self.engine = CerebrasEngine(given, training, sdk, parts, self.clock.enter)
        self.engine.evaluates_at_end = at_end
        self.epochs: list[Epoch] = []

    def run(self) -> dict[str, Any]:
        """Train; return what is compared."""
        before = _executors()
        self.clock.enter("compile")
        self.engine.compile()
        said = Instruments(self.clock, Progress(), LoadMeter(), self.epochs.append)
        recording = train(self.engine, EPOCHS, said)
        self.clock.enter("teardown")
        tracked = self.engine.phases()
        self.engine.close()
        self.clock.stop()
        evaluation = recording.evaluation
        return {
            "losses": recording.losses,
            "compute": recording.compute_seconds,
            "epochs": [epoch.seconds for epoch in self.epochs],
            "accuracies": [epoch.accuracy for epoch in self.epochs],
            "loss": evaluation.loss if evaluation else None,
            "accuracy": evaluation.accuracy if evaluation else None,
            "diverged": recording.diverged,
            "phases": self.clock.seconds,
            "heard": self.heard,
            "tracked": tracked,
            "executors": _executors() - before,
            "treatment": dict(self.engine.treatment()),
        }


def _executors() -> int:
    """Return how many executors this process has had."""
    backend = importlib.import_module("cerebras.pytorch.backend").current_backend_impl()
    return int(backend.executor_counter)


def as_a_cluster(training: Training) -> None:
    """Have the first step write what a cluster's client writes, and take the time of it."""
    logger, step = logging.getLogger("cerebras.LtcBackend"), training.engine._steps.train

    def first(batch: Any) -> Any:  # noqa: ANN401  # the SDK's
        training.engine._steps.train = step
        for line, seconds in LINES:
            logger.info(line)
            time.sleep(seconds)
        return step(batch)

    training.engine._steps.train = first


def main(workload: str, folder: str) -> None:
    """Train five times on the one backend that a process may have."""
    given = job(workload, folder)
    sdk = open_sdk(given)
    found = {}
    wild = Training(replace(sdk, lazy=True), job(workload, folder, learning_rate=1e38), at_end=True)
    found["wild"] = wild.run()
    usual = Training(sdk, given, at_end=False)
    found["usual"] = usual.run()
    cluster = Training(sdk, given, at_end=True)
    cerebras_phases.listen(cluster.engine.reader)
    as_a_cluster(cluster)
    found["cluster"] = cluster.run()
    options = ways.way("cerebras").options((("activation_steps", 4),))
    sparse = Training(sdk, replace(given, platform="cerebras", options=options), at_end=True)
    _run_closures_as_a_cluster(sparse.engine)
    found["sparse"] = sparse.run()
    found["lost"] = _without_answers(Training(sdk, given, at_end=True), sdk)
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def _run_closures_as_a_cluster(engine: CerebrasEngine) -> None:
    """Run closures in the steps only in which a CSX runs them; the CPU backend runs all."""
    steps = engine._steps
    steps.tell_loss = _on_activation(engine, steps.tell_loss)
    steps.tell_answers = _on_activation(engine, steps.tell_answers)


def _on_activation(engine: CerebrasEngine, tell: Any) -> Any:  # noqa: ANN401  # the SDK's
    def told(*numbers: Any) -> None:  # noqa: ANN401  # tensors
        if engine._executor.run_context.is_activation_step:
            tell(*numbers)

    return told


def _without_answers(training: Training, sdk: Any) -> dict[str, Any]:  # noqa: ANN401  # the SDK
    """Lose the answers of an evaluation; return what is said, and whether a folder is left."""
    Path(sdk.artifacts.folder).mkdir(exist_ok=True)
    training.engine._steps.tell_answers = lambda *_: None
    try:
        training.run()
    except RuntimeError as error:
        return {"said": str(error), "left": Path(sdk.artifacts.folder).exists()}
    return {}


if __name__ == "__main__":
    main(*sys.argv[1:])
