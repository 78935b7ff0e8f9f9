"""The energy of NVIDIA GPUs: NVML's counter, or their power sampled where there is none.

NVML's binding (nvidia-ml-py) may be missing in the worker's interpreter: then there is no gauge.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any, Callable, List, Optional, Sequence, Tuple

from accelbench.workers.gauge import Gauge, UnmeasuredError

SAMPLE_SECONDS = 0.1
"""Between two samples of power; its sensor moves about as often (Yang et al., SC24: to 100 ms)."""

AVERAGED_SECONDS = 1.0
"""What NVML's power is an average over on newer GPUs (nvmlDeviceGetPowerUsage in its manual)."""

_LEARN_SECONDS = 0.5

Read = Callable[[], float]

# What NVML gives for a GPU: to be handed back to it, and nothing else.
Handle = Any


class CounterGauge:
    """Reads the counters of all GPUs, in J, at the edges of the windows."""

    source = "nvml counter"

    def __init__(self, counters: Sequence[Read], shut: Callable[[], None]) -> None:
        self._counters = counters
        self._shut = shut
        self._start = self._read()
        self.update_seconds = SAMPLE_SECONDS

    def _read(self) -> float:
        return sum(read() for read in self._counters)

    def begin(self) -> None:
        """Begin a window."""
        self._start = self._read()

    def end(self) -> float:
        """End the window; return how far the counters moved."""
        return self._read() - self._start

    def finish(self) -> None:
        """Learn how often a counter moves, from the slowest one's next three steps."""
        try:
            self.update_seconds = max(_update_seconds(read) for read in self._counters)
        finally:
            self._shut()


def _update_seconds(read: Read) -> float:
    """Return the time between two steps of a counter; UnmeasuredError where it stands still."""
    stamps: List[float] = []
    begun, last = time.perf_counter(), read()
    while len(stamps) < 4 and time.perf_counter() - begun < _LEARN_SECONDS:
        time.sleep(0.001)
        now = read()
        if now != last:
            stamps.append(time.perf_counter())
            last = now
    if len(stamps) < 2:
        raise UnmeasuredError(f"NVML's energy counter does not move in {_LEARN_SECONDS} s")
    return statistics.median(stamps[n] - stamps[n - 1] for n in range(1, len(stamps)))


class PowerGauge:
    """Samples the power of all GPUs, in W, from a thread that lives as long as the window."""

    def __init__(self, powers: Sequence[Read], kind: str, shut: Callable[[], None]) -> None:
        self._powers = powers
        self._shut = shut
        self._samples: List[Tuple[float, float]] = []
        self._failure: Optional[UnmeasuredError] = None
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self.source = f"nvml {kind} sampled every {SAMPLE_SECONDS} s"
        self.update_seconds = AVERAGED_SECONDS if kind == "average power" else SAMPLE_SECONDS
        self._sample()

    def _sample(self) -> None:
        # The reading takes a while: its moment is the middle.
        before = time.perf_counter()
        watts = sum(read() for read in self._powers)
        self._samples.append(((before + time.perf_counter()) / 2, watts))

    def _keep_sampling(self) -> None:
        try:
            while not self._stop.wait(SAMPLE_SECONDS):
                self._sample()
        except UnmeasuredError as error:
            self._failure = error

    def begin(self) -> None:
        """Begin a window with a sample, and take more from a thread."""
        self._samples.clear()
        self._stop.clear()
        self._sample()
        self._thread = threading.Thread(target=self._keep_sampling, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """End the window with a sample; return the area under all, by the trapezoidal rule."""
        self._end_thread()
        if self._failure is not None:
            raise self._failure
        self._sample()
        pairs = zip(self._samples, self._samples[1:])
        return sum((b - a) * (v + w) / 2 for (a, v), (b, w) in pairs)

    def _end_thread(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def finish(self) -> None:
        """End the thread, where a window was left open."""
        self._end_thread()
        self._shut()


def open_nvml(visible: Optional[str]) -> Gauge:
    """Return the gauge of the GPUs that CUDA_VISIBLE_DEVICES names, or say why there is none."""
    try:
        import pynvml
    except ImportError:
        raise UnmeasuredError(
            "the worker's interpreter has no nvidia-ml-py: python -m pip install nvidia-ml-py"
        ) from None
    nvml = _Nvml(pynvml)
    nvml.call("nvmlInit")
    try:
        return _gauge(nvml, nvml.handles(visible))
    except UnmeasuredError:
        nvml.shut()
        raise


def _gauge(nvml: _Nvml, handles: List[Handle]) -> Gauge:
    """Return the best gauge that all GPUs have."""
    ways: List[Callable[[], Gauge]] = [
        lambda: CounterGauge([nvml.counter(each) for each in handles], nvml.shut),
        lambda: PowerGauge([nvml.instant_power(each) for each in handles], "power", nvml.shut),
        lambda: PowerGauge([nvml.power(each) for each in handles], "average power", nvml.shut),
    ]
    reasons = []
    for way in ways:
        try:
            return way()
        except UnmeasuredError as error:
            reasons.append(str(error))
    raise UnmeasuredError(f"the GPU tells neither energy nor power: {reasons[0]}")


class _Nvml:
    """NVML's functions, whose every failure is an UnmeasuredError."""

    def __init__(self, binding: Any) -> None:  # noqa: ANN401  # a module without types
        self._binding = binding

    def call(self, name: str, *args: object) -> Any:  # noqa: ANN401  # each function's own
        """Call a function by its name."""
        try:
            return getattr(self._binding, name)(*args)
        except (self._binding.NVMLError, AttributeError) as error:
            raise UnmeasuredError(f"{name} says: {error}") from None

    def shut(self) -> None:
        """Close NVML; that it fails matters to nobody."""
        try:
            self._binding.nvmlShutdown()
        except self._binding.NVMLError:
            return

    def counter(self, handle: Handle) -> Read:
        """Return what reads a GPU's energy since its driver was loaded, in J."""
        return lambda: self.call("nvmlDeviceGetTotalEnergyConsumption", handle) / 1000

    def power(self, handle: Handle) -> Read:
        """Return what reads a GPU's power in W, on newer ones an average over a second."""
        return lambda: self.call("nvmlDeviceGetPowerUsage", handle) / 1000

    def instant_power(self, handle: Handle) -> Read:
        """Return what reads a GPU's power of the moment in W."""

        def read() -> float:
            field = getattr(self._binding, "NVML_FI_DEV_POWER_INSTANT", 186)
            (found,) = self.call("nvmlDeviceGetFieldValues", handle, [field])
            if found.nvmlReturn != self._binding.NVML_SUCCESS:
                raise UnmeasuredError(f"power says: {self._binding.NVMLError(found.nvmlReturn)}")
            return float(found.value.uiVal) / 1000

        return read

    def handles(self, visible: Optional[str]) -> List[Handle]:
        """Return the GPUs that CUDA_VISIBLE_DEVICES names: by UUID, its beginning, or number."""
        if not visible:
            raise UnmeasuredError("CUDA_VISIBLE_DEVICES does not say which GPUs this run has")
        names = visible.split(",")
        if all(name.startswith("MIG-") for name in names):
            return [self.call("nvmlDeviceGetHandleByUUID", name) for name in names]
        every = range(self.call("nvmlDeviceGetCount"))
        handles = [self.call("nvmlDeviceGetHandleByIndex", index) for index in every]
        if all(name.isdigit() for name in names):
            chosen = [int(name) for name in names]
        else:
            uuids = [self.call("nvmlDeviceGetUUID", each) for each in handles]
            chosen = [_place(name, uuids) for name in names]
        if not all(0 <= place < len(handles) for place in chosen):
            raise UnmeasuredError(f"CUDA_VISIBLE_DEVICES={visible!r} names a GPU that NVML lacks")
        return [handles[place] for place in chosen]


def _place(name: str, uuids: Sequence[str]) -> int:
    """Return which GPU a UUID or its beginning names; -1 for none or several."""
    fits = [place for place, uuid in enumerate(uuids) if name and uuid.startswith(name)]
    return fits[0] if len(fits) == 1 else -1
