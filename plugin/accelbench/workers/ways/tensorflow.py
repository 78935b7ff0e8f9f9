"""Trains a Keras workload with TensorFlow: all replicas in this process, by MirroredStrategy.

One call of a compiled function makes `steps_per_execution` steps, each with its own batch of a
tf.data pipeline, and returns their losses; XLA is off. The loop inside is our own: with several
replicas Keras' own one cannot run (keras issue 19246), and it keeps the last step's numbers only.
"""

from __future__ import annotations

import atexit
import os
from functools import partial
from types import ModuleType
from typing import Any, Callable, List, Tuple

# Before the imports, which read them. Keras may be configured for another backend on this host;
# of TensorFlow's native messages the run's log needs no notes on what the build could use.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import keras
import numpy as np
import tensorflow as tf

from accelbench.records import Evaluation, Job, Pairs
from accelbench.workers import host
from accelbench.workers.arrays import open_arrays
from accelbench.workers.engine import Params
from accelbench.workers.keras_data import Cut, endless, normalised
from accelbench.workers.keras_workload import KerasTraining

REPLICAS = "inside"
PLATFORMS = ("cpu", "cuda")

Tensor = Any  # TensorFlow has no types

_KINDS = {"cpu": "CPU", "cuda": "GPU"}


def start(
    job: Job, workload: ModuleType, params: Params, enter: Callable[[str], None]
) -> KerasEngine:
    """Build the model on every replica's device, and return what the loop drives.

    `enter` is told when the data phase begins: building the model counts with the imports, which
    load the most of TensorFlow late. ValueError where the workload holds its data itself.
    """
    if job.data is None:
        raise ValueError("a Keras workload trains on a data set: state INPUT and NORMALISE")
    names = devices(job.platform, job.spec.replicas)
    keras.utils.set_random_seed(job.spec.seed)
    strategy = mirrored(job.platform, names)
    with strategy.scope():
        training = workload.build(params)
        if not isinstance(training, KerasTraining):
            kind = type(training).__name__
            raise TypeError(
                f"build() must return accelbench.workers.keras_workload.KerasTraining, not {kind}"
            )
        training.model.compile(optimizer=training.optimizer, loss=training.loss, jit_compile=False)
        training.optimizer.build(training.model.trainable_variables)
    _part_dropout(strategy, training.model)
    enter("data")
    arrays = open_arrays(job.data, int(params.get("train_samples") or 0))
    cut = Cut(
        batch_size=params.count("batch_size"),
        replicas=job.spec.replicas,
        samples=len(arrays.train_images),
        seed=job.spec.seed,
        shuffles=training.shuffles,
        stated_steps=training.steps_per_epoch,
    )
    train, test = (
        (normalised(images, *workload.NORMALISE), np.asarray(labels, np.int64))
        for images, labels in (
            (arrays.train_images, arrays.train_labels),
            (arrays.test_images, arrays.test_labels),
        )
    )
    with tf.device(names[0]):
        tests = (tf.constant(test[0]), tf.constant(test[1]))
    executions = Executions(strategy, training.model, iter(endless(*train, cut)))
    each = int(params.get("steps_per_execution") or 1)
    return KerasEngine(training, executions, tests, cut, each)


def devices(platform: str, replicas: int) -> List[str]:
    """Return the names of the devices, one a replica; the CPU is split into as many logical ones.

    Each of them may use all cores, which they share. RuntimeError where there are too few.
    """
    kind = _KINDS[platform]
    physical = tf.config.list_physical_devices(kind)
    if kind == "GPU":
        for each in physical:  # TensorFlow would take all of a GPU's memory, and hide its peak
            tf.config.experimental.set_memory_growth(each, enable=True)
    elif tf.config.get_logical_device_configuration(physical[0]) is None:
        tf.config.threading.set_intra_op_parallelism_threads(host.usable_cores())
        tf.config.threading.set_inter_op_parallelism_threads(host.usable_cores())
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(replicas)]
        tf.config.set_logical_device_configuration(physical[0], parts)
    found = [each.name for each in tf.config.list_logical_devices(kind)]
    if len(found) < replicas:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} sees {len(found)} {kind} devices and {replicas} are "
            "wanted: check the driver, and that this TensorFlow was built for it"
        )
    return found[:replicas]


def mirrored(platform: str, names: List[str]) -> Any:  # noqa: ANN401  # a tf.distribute.Strategy
    """Return the strategy over some devices, one device included: 1 and N differ in N alone.

    Gradients meet through NCCL on GPUs, which is the strategy's own choice there; on logical CPUs
    through a sum on the first one.
    """
    reduction = tf.distribute.ReductionToOneDevice() if platform == "cpu" else None
    return tf.distribute.MirroredStrategy(names, cross_device_ops=reduction)


def _part_dropout(strategy: Any, model: Any) -> None:  # noqa: ANN401  # TensorFlow has no types
    """Give each replica random numbers of its own: mirrored seeds would drop alike on all."""
    for variable in model.variables:
        if variable.name == "seed_generator_state":
            for replica, part in enumerate(strategy.experimental_local_results(variable.value)):
                part.assign_add([replica, 0])


class Executions:
    """Runs steps of a strategy in a compiled function: a loop in one graph, no XLA.

    It cuts a step's batch into the replicas' shares itself. The strategy's own distributed datasets
    fetch ahead to each device, and with that a process of this TensorFlow may take minutes to end.
    """

    def __init__(self, strategy: Any, model: Any, batches: Any) -> None:  # noqa: ANN401  # TensorFlow has no types
        self.strategy = strategy
        self._model = model
        self._batches = batches
        self._graph = tf.function(self._steps, jit_compile=False)
        # Left to the interpreter's end, the pipeline's threads keep it waiting, for seconds.
        atexit.register(self.close)

    def close(self) -> None:
        """Let go of the pipeline; no step can follow."""
        self._batches = None

    def __call__(self, steps: int) -> Tensor:
        """Make so many steps; return their losses, over all replicas, still on the device."""
        return self._graph(self._batches, tf.constant(steps))

    def _steps(self, batches: Any, steps: Tensor) -> Tensor:  # noqa: ANN401  # TensorFlow has no types
        losses = tf.TensorArray(tf.float32, size=steps)
        for step in tf.range(steps):
            images, labels = next(batches)
            shares = self.strategy.experimental_distribute_values_from_function(
                partial(_share, images=images, labels=labels)
            )
            parts = self.strategy.run(self._step, args=shares)
            loss = self.strategy.reduce("SUM", parts, axis=None)
            losses = losses.write(step, tf.cast(loss, tf.float32))
        return losses.stack()

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Train one replica on its share; return its share of the loss.

        Keras divides each replica's loss by their number, and sums the gradients.
        """
        model = self._model
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = model.compute_loss(x=images, y=labels, y_pred=outputs, training=True)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss


def _share(context: Any, images: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: ANN401  # as above
    """Return one replica's part of a step's batch."""
    each = images.shape[0] // context.num_replicas_in_sync
    first = context.replica_id_in_sync_group * each
    return images[first : first + each], labels[first : first + each]


class KerasEngine:
    """One training as the loop drives it: an `update` is one execution of several steps.

    What the host waits for a batch it waits inside an execution, where no clock of ours is: it is
    part of the compute time, and the data time is next to nothing.
    """

    def __init__(
        self,
        training: KerasTraining,
        executions: Executions,
        test: Tuple[Tensor, Tensor],
        cut: Cut,
        steps_per_execution: int,
    ) -> None:
        self._training = training
        self._execute = executions
        self._test = test
        self._tested = tf.function(self._test_batch, jit_compile=False)
        self.batch_size = cut.samples_per_step
        self.steps_per_epoch = cut.steps_per_epoch
        self.steps_per_update = min(steps_per_execution, self.steps_per_epoch)
        self.parameters = sum(
            int(np.prod(each.shape)) for each in training.model.trainable_variables
        )

    def compile(self) -> None:
        """Trace and optimise the graph of an execution, by one of no steps: nothing is used up."""
        self._execute(0)

    def begin_epoch(self) -> None:
        """Do nothing: the pipeline goes on from epoch to epoch."""

    def fetch(self, step: int) -> int:
        """Return how many steps the execution that begins with `step` makes."""
        return min(self.steps_per_update, self.steps_per_epoch - step)

    def update(self, batch: int) -> Tensor:
        """Make so many steps; return their losses, still on the device."""
        return self._execute(batch)

    def synchronize(self) -> None:
        """Return when the devices have done all that was queued."""
        tf.test.experimental.sync_devices()

    def read_losses(self, losses: List[Tensor]) -> List[float]:
        """Return the losses of an epoch's steps as floats, with one transfer."""
        values: List[float] = tf.concat(losses, 0).numpy().astype(float).tolist()
        return values

    def evaluate(self) -> Evaluation:
        """Return loss and accuracy on the test set, in inference mode, by the first replica."""
        total, correct, samples = 0.0, 0, len(self._test[0])
        for first in range(0, samples, self._training.test_batch):
            part = slice(first, first + self._training.test_batch)
            images, labels = self._test[0][part], self._test[1][part]
            loss, right = self._tested(images, labels)
            total += float(loss) * len(images)
            correct += int(right)
        return Evaluation(loss=total / samples, samples=samples, accuracy=correct / samples)

    def _test_batch(self, images: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
        outputs = self._training.model(images, training=False)
        right = tf.equal(tf.argmax(outputs, 1), labels)
        return self._training.loss(labels, outputs), tf.reduce_sum(tf.cast(right, tf.int32))

    def peak_memory_bytes(self) -> int:
        """Return the most bytes held on a GPU, the fullest one's; on a cpu, that were resident."""
        names = [each.name for each in tf.config.list_logical_devices("GPU")]
        if not names:
            return host.peak_memory_bytes()
        return max(int(tf.config.experimental.get_memory_info(each)["peak"]) for each in names)

    def treatment(self) -> Pairs:
        """Return what of this framework may change a number."""
        built = tf.sysconfig.get_build_info()
        names = ("cuda_version", "cudnn_version")
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        own: Pairs = tuple((each, str(built[each])) for each in names if each in built)
        tf32 = bool(tf.config.experimental.tensor_float_32_execution_enabled())
        return (
            *((*own, ("tensor_float_32", tf32)) if on_gpu else ()),
            ("framework_version", str(tf.__version__)),
            ("jit_compile", False),
            ("keras_version", str(keras.__version__)),
            ("steps_per_execution", self.steps_per_update),
            ("strategy", type(self._execute.strategy).__name__),
            ("threads", tf.config.threading.get_intra_op_parallelism_threads()),
        )
