"""The frozen values that pass between the modules; runs on Python 3.8 too, in the workers.

Every number carries its unit in its name. JSON appears at the edges only: see `accelbench.codec`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Tuple, Union

Scalar = Union[bool, int, float, str]
Pairs = Tuple[Tuple[str, Scalar], ...]
OptionValue = Union[bool, int, float, str, Tuple[str, ...]]
Options = Tuple[Tuple[str, OptionValue], ...]

TRAJECTORY_STEPS = 32
"""Losses kept of a stored run: steps 1 to 32 are what an early-trajectory check compares."""

INLINE = "inline"
"""The data set of a workload that holds its data itself, in its file."""

AT_START = "at_start_"
"""How a treatment's name begins that moves by itself (a temperature): no difference to speak of."""


def _object() -> Any:  # noqa: ANN401  # a default of any pairs
    """Mark a field of pairs that JSON shows as an object."""
    return field(default=(), metadata={"object": True})


@dataclass(frozen=True)
class RunSpec:
    """What to train: one workload, once, on one device.

    `params` holds only what was set explicitly; the workload file's own defaults are part of its
    fingerprint. `series` names what makes a separate series of numbers (dtype, graph mode).
    `replicas`: how many copies of the model train side by side, each on a batch of its own.
    """

    workload: str
    device: str
    framework: str
    dataset: str
    seed: int
    epochs: int
    params: Pairs = _object()
    role: str = "screen"
    series: str = "float32-eager"
    replicas: int = 1


@dataclass(frozen=True)
class State:
    """How a run ended: `completed`, `diverged`, `crashed`, `timed_out`, `interrupted`, ...

    `detail` says more: the phase of a time limit, the signal of a crash, what a scheduler did
    (`interrupted(walltime)`), what a device needs (`device_lost(link_reset)`). `unsupported`: the
    SDK lacks what the workload asks for.
    """

    name: str
    detail: str = ""

    @classmethod
    def parse(cls, text: str) -> State:
        """Return the state that `str` wrote: `name` or `name(detail)`."""
        name, _, detail = text.partition("(")
        return cls(name, detail[:-1])

    def __str__(self) -> str:
        return f"{self.name}({self.detail})" if self.detail else self.name


COMPLETED = State("completed")
DIVERGED = State("diverged")


@dataclass(frozen=True)
class Phases:
    """Seconds spent in each phase of a run; with `unexplained` they sum to `wall_seconds`."""

    queue: float = 0.0
    attach: float = 0.0
    imports: float = field(default=0.0, metadata={"json": "import"})
    data: float = 0.0
    compile: float = 0.0
    first_step: float = 0.0
    steady: float = 0.0
    evaluate: float = 0.0
    teardown: float = 0.0
    unexplained: float = 0.0

    @property
    def wall_seconds(self) -> float:
        """The wall clock of the whole run, queueing included."""
        return (
            self.queue
            + self.attach
            + self.imports
            + self.data
            + self.compile
            + self.first_step
            + self.steady
            + self.evaluate
            + self.teardown
            + self.unexplained
        )


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set; `seconds` holds neither evaluation nor compilation."""

    seconds: float
    data_seconds: float
    compute_seconds: float
    samples: int
    weight_updates: int
    loss: float
    accuracy: Optional[float] = None


@dataclass(frozen=True)
class Steps:
    """Per step: seconds to get the batch, seconds to train on it, and its loss.

    A stored run keeps the first `TRAJECTORY_STEPS` losses and no times.
    """

    data_seconds: Tuple[float, ...] = ()
    compute_seconds: Tuple[float, ...] = ()
    loss: Tuple[float, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """An evaluation over `samples`: the loss, and the fraction of correct answers.

    `accuracy` is None where the workload does not classify.
    """

    loss: float
    samples: int
    accuracy: Optional[float] = None

    @property
    def finite(self) -> bool:
        """Whether no number of it is infinite or not a number."""
        return math.isfinite(self.loss) and math.isfinite(self.accuracy or 0.0)


@dataclass(frozen=True)
class Counters:
    """What the worker counted; times are of steady steps, after the warm-up was cut off.

    `batch_size` is the global one, over all replicas. `energy_joules` is the energy of all devices
    in the timed windows. `flops_per_sample`: floating-point operations to train on one sample, by
    the workload's closed form; `peak_flops_per_second`: of all devices, by the source that the
    treatment names. `one_replica_throughput`: samples/s of one replica, measured beside this run.
    """

    parameters: int = 0
    peak_memory_bytes: int = 0
    batch_size: int = 0
    warm_up_steps: int = 0
    steady_steps: int = 0
    steady_state: bool = False
    step_seconds_p05: Optional[float] = None
    step_seconds_p50: Optional[float] = None
    step_seconds_p95: Optional[float] = None
    foreign_cpu_cores: Optional[float] = None
    throttled_seconds: float = 0.0
    target_accuracy: Optional[float] = None
    energy_joules: Optional[float] = None
    flops_per_sample: Optional[float] = None
    peak_flops_per_second: Optional[float] = None
    one_replica_throughput: Optional[float] = None


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from: the parts of its identity, and the treatment (all the rest)."""

    run_id: str
    session_id: str
    time: str
    workload_fingerprint: str
    dataset_fingerprint: str
    device_model: str
    treatment: Pairs = _object()


@dataclass(frozen=True)
class Run:
    """What happened: the whole of one run, with raw values only."""

    spec: RunSpec
    state: State
    phases: Phases
    epochs: Tuple[Epoch, ...]
    steps: Steps
    evaluation: Optional[Evaluation]
    counters: Counters
    provenance: Provenance
    message: str = ""

    def condensed(self) -> Run:
        """Return the form that is stored and sent: no step times, the first losses only."""
        return replace(self, steps=Steps(loss=self.steps.loss[:TRAJECTORY_STEPS]))


@dataclass(frozen=True)
class DataFiles:
    """A decoded data set: `directory` holds {train,test}_{images,labels}.npy, all uint8."""

    name: str
    fingerprint: str
    directory: str


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do, with all that it cannot find out itself.

    `platform` is the device's name in the frameworks: cpu, cuda, xpu, ... `rank` numbers the
    processes of one run, `world` counts them; rank 0 leads. `options` are the SDK's, by the names
    that the way to train gives them.
    """

    spec: RunSpec
    workload_path: str
    trained_by: str
    data: Optional[DataFiles]
    heartbeat_seconds: float = 1.0
    platform: str = "cpu"
    rank: int = 0
    world: int = 1
    options: Options = _object()


@dataclass(frozen=True)
class WorkerResult:
    """What a worker reports when its training ended by itself."""

    diverged: bool
    epochs: Tuple[Epoch, ...]
    evaluation: Optional[Evaluation]
    counters: Counters
    treatment: Pairs = _object()


@dataclass(frozen=True)
class Reading:
    """One metric of one run; `trials` is n for an accuracy of k in n.

    `censored`: the event did not happen before `value`, which is then only a lower bound.
    """

    value: float
    censored: bool = False
    trials: Optional[int] = None


@dataclass(frozen=True)
class Floor:
    """An absolute limit in a metric's unit; a `strict` one fails at once, a soft one nominates."""

    limit: float
    strict: bool = False


@dataclass(frozen=True)
class More:
    """The runs that a verdict still needs: `fresh` seeds, `pairs`, or on a `second unit`."""

    kind: str
    count: int


@dataclass(frozen=True)
class Verdict:
    """The judgement of one metric of one run, with all that its message needs.

    `effect`, `interval` and `detectable` are changes: differences of a fraction, else relative
    ones, above zero for more. `bound`: where the screen begins to suspect, by `screen_p`.
    `p_value`, `alpha`: of the test that decided, which `judge` names. `history_runs` joined the
    reference runs in it; `new_runs` are the fresh ones that alone decided. `suspected_by`: what
    nominated it.
    """

    metric: str
    status: str
    value: Optional[float] = None
    reference: Optional[float] = None
    bound: Optional[float] = None
    effect: Optional[float] = None
    p_value: Optional[float] = None
    alpha: Optional[float] = None
    reference_runs: int = 0
    reference_sessions: int = 0
    gated: bool = True
    message: str = ""
    interval: Tuple[float, ...] = ()
    detectable: Optional[float] = None
    history_runs: int = 0
    new_runs: int = 0
    judge: str = ""
    suspected_by: Tuple[str, ...] = ()
    more: Optional[More] = None
    cause: str = ""
    screen_p: Optional[float] = None


@dataclass(frozen=True)
class Outcome:
    """What a test says of one training: travels in the report's user_properties.

    `judgements`: the cases behind its verdicts, one JSON text each, as they are stored.
    `published`: figures of a report to show beside it, by name.
    """

    run: Run
    verdicts: Tuple[Verdict, ...]
    references: Tuple[Run, ...] = ()
    expected: bool = True
    message: str = ""
    judgements: Tuple[str, ...] = ()
    published: Pairs = _object()
