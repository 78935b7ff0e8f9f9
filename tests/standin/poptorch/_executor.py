"""poptorch 3.4: trainingModel, inferenceModel and the executor that both return."""

import logging

import torch

from . import _cache, _hardware, _wrapping, optim
from ._enums import ConnectionType, OutputMode
from ._errors import Error, fault, from_cpp, from_python
from ._options import Options
from ._outputs import loss_of, returned

logger = logging.getLogger("poptorch")
_NARROWER = {torch.int64: torch.int32, torch.float64: torch.float32}


def trainingModel(model, options=None, optimizer=None):
    """poptorch 3.4: trainingModel; without an optimizer SGD at 0.01."""
    model = model._model if isinstance(model, PoplarExecutor) else model
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return PoplarExecutor(model, options, optimizer)


def inferenceModel(model, options=None):
    """poptorch 3.4: inferenceModel."""
    model = model._model if isinstance(model, PoplarExecutor) else model
    return PoplarExecutor(model, options, None)


class PoplarExecutor:
    """A model on the device: compiled for one shape, attached or not."""

    def __init__(self, model, options, optimizer):
        options = options if options is not None else Options()
        self._training = optimizer is not None
        if not self._training and options.Training.gradient_accumulation != 1:
            raise from_python("Gradient accumulation must be 1 (its default) for inference")
        options._default_output_mode(OutputMode.Final if self._training else OutputMode.All)
        options._freeze()
        self._model, self._options = model, options
        self._device = self._signature = self._step = self._compile_time = None
        self._attached = self._dirty = self._lost = False
        self._warned, self._calls, self._version = set(), 0, 0
        if self._training:
            self.setOptimizer(optimizer)
            _wrapping.wrap(model, self)
        seed = options._values.get("random_seed")
        with torch.random.fork_rng(devices=[]):
            torch.seed() if seed is None else torch.manual_seed(seed)
            self.rng_state = torch.random.get_rng_state()

    @property
    def options(self):
        return self._options

    def __getattr__(self, name):
        return getattr(self.__dict__["_model"], name)

    def setOptimizer(self, optimizer):
        """poptorch 3.4, optim: the device keeps the numbers that it was told last."""
        self._optimizer, self._told = optimizer, optim.settings(optimizer)

    # ------------------------------------------------------------------------------- compilation
    def compile(self, *args):
        """poptorch 3.4: compile(); with the same arguments as a call, the full combined batch."""
        if self.isCompiled():
            logger.warning("Call to compile() ignored: the executable is already compiled")
            return
        inputs = self._coerced(args)
        micro = self._narrowed(inputs)
        online = self._options.connection_type != ConnectionType.Never
        if online:
            _hardware.acquire(self, self._options)
        try:
            fault("compile")
            device = _wrapping.duplicate(self._model)
            self._trace(device, micro)
            about = (repr(device), self._options, self._training, [each.shape for each in inputs])
            self._compile_time = _cache.compiled(self._options, repr(about))
        except BaseException:
            _hardware.release(self)
            raise
        self._device = device
        self._signature = [(each.shape, each.dtype) for each in inputs]
        self._attached = online
        if online:
            self.copyWeightsToDevice()

    def _trace(self, device, micro):
        """Run a copy once; what a trace changes is not kept."""
        traced = _wrapping.duplicate(device)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            traced(*micro)
        before = dict(device.named_buffers())
        changed = [n for n, each in traced.named_buffers() if not torch.equal(each, before[n])]
        # poptorch 3.4: Options, broadcastBuffers.
        if changed and self._options.replication_factor > 1 and self._options.broadcast_buffers:
            words = "Buffers that a model writes cannot be broadcast ({}): if replicas may each "
            words += "have their own, set poptorch.Options.broadcastBuffers(False)."
            raise from_cpp(Error, words.format(", ".join(changed)))

    def _narrowed(self, inputs):
        """poptorch 3.4, semantics: dimension 0 divides into the micro-batches of a call."""
        parts, options = self._parts(), self._options
        for each in inputs:
            size = each.shape[0] if each.dim() else 1
            assert size % parts == 0, (
                f"Invalid batch dimension: In the input {tuple(each.shape)}, the batch dimension "
                f"({size}) must be a multiple of "
                f"Options.deviceIterations({options.device_iterations}) * "
                f"Options.replicationFactor({options.replication_factor}) * "
                f"Options.Training.gradientAccumulation({options.Training.gradient_accumulation})"
                f" = {parts}"
            )
        return [each[: len(each) // parts] for each in inputs]

    def _parts(self):
        options = self._options
        accumulation = options.Training.gradient_accumulation
        return options.device_iterations * options.replication_factor * accumulation

    def _coerced(self, args):
        """poptorch 3.4, semantics: int64 becomes int32 and float64 float32, with a warning."""
        found = []
        for index, each in enumerate(args):
            if not isinstance(each, torch.Tensor):
                raise TypeError("All forward function arguments must be Tensors")
            if each.dtype == torch.bfloat16:
                raise from_python("Unsupported scalar type bfloat16")
            narrower = _NARROWER.get(each.dtype)
            if narrower is not None and index not in self._warned:
                self._warned.add(index)
                logger.warning("%s is not supported: input %d is %s", each.dtype, index, narrower)
            narrow = each if narrower is None else each.to(narrower)
            # torch on a CPU indexes by int64 alone; the values are those of int32.
            found.append(narrow.long() if narrow.dtype == torch.int32 else narrow)
        return found

    def isCompiled(self):
        return self._device is not None

    def compilationTime(self):
        """poptorch 3.4: compilationTime(); an Error with the progress bar off, or uncompiled."""
        self._need_executable()
        if self._compile_time is None:
            raise from_python("compilationTime() needs showCompilationProgressBar(True)")
        return self._compile_time

    def _need_executable(self):
        self._need_device()
        if not self.isCompiled():
            raise from_python("Model has not been compiled or has been destroyed.")

    # ------------------------------------------------------------------------------------ device
    def isAttachedToDevice(self):
        self._need_device()
        return self._attached

    def attachToDevice(self):
        """poptorch 3.4: attachToDevice(); an Error unless compiled and detached."""
        self._need_executable()
        if self._attached:
            raise from_python("Device is already attached")
        self._lost = True
        _hardware.acquire(self, self._options)
        self._lost = False
        self._attached = True
        self.copyWeightsToDevice()

    def _need_device(self):
        """poptorch 3.4, executor: after an attach that failed the C++ side has no device.

        Whatever asks for it then ends the process, which a test could not report.
        """
        if self._lost:
            raise RuntimeError("the real process would have crashed: this executor has no device")

    def detachFromDevice(self):
        """poptorch 3.4: detachFromDevice(); an Error unless compiled and attached."""
        self._need_executable()
        self._sync()
        if not self._attached:
            raise from_python("Device is not attached")
        _hardware.release(self)
        self._attached = False

    def destroy(self):
        """poptorch 3.4: destroy(); what is not compiled has nothing to give back but its model."""
        self._need_device()
        if self.isCompiled():
            self._sync()
            _hardware.release(self)
            self._device, self._attached = None, False
        if self._training and _wrapping.executor_of(self._model) is self:
            _wrapping.unwrap(self._model)

    # ----------------------------------------------------------------------------------- weights
    def copyWeightsToDevice(self):
        self._need_executable()
        self._dirty = False
        with torch.no_grad():
            host = _wrapping.state(self._model)
            for name, each in _wrapping.state(self._device).items():
                each.copy_(host[name])

    def copyWeightsToHost(self):
        self._need_executable()
        self._dirty = False
        device = _wrapping.state(self._device)
        with torch.no_grad():
            for name, each in _wrapping.state(self._model).items():
                each.copy_(device[name])
        self._version += 1

    def _sync(self):
        """poptorch 3.4, semantics: whoever reads a weight has it copied back first."""
        if self._dirty:
            self.copyWeightsToHost()

    # ----------------------------------------------------------------------------------- running
    def __call__(self, *args):
        assert self._options.connection_type != ConnectionType.Never, (
            "Trying to run a model on an offline device (ConnectionType.Never)"
        )
        self._need_device()
        inputs = self._coerced(args)
        if not self.isCompiled():
            self.compile(*args)
        self._validate(inputs)
        if not self._attached:
            self.attachToDevice()
        self._follow_training()
        self._calls += 1
        if self._training:
            fault(self._calls)
        with torch.random.fork_rng(devices=[]):
            torch.random.set_rng_state(self.rng_state)
            outputs = self._run(inputs)
            self.rng_state = torch.random.get_rng_state()
        return returned(outputs, self._options)

    def _validate(self, inputs):
        """poptorch 3.4, semantics: shapes and types are those that were compiled."""
        given = [(each.shape, each.dtype) for each in inputs]
        if given != self._signature:
            raise from_python(
                f"Expected inputs {self._signature} but got {given}: to use other shapes or types "
                "call destroy() and wrap the model again"
            )

    def _follow_training(self):
        """Take the weights over from a training of the same model that went on since."""
        trainer = None if self._training else _wrapping.executor_of(self._model)
        if trainer is not None:
            trainer._sync()
            if trainer._version != self._version:
                self.copyWeightsToDevice()
                self._version = trainer._version

    def _run(self, inputs):
        """Run every micro-batch; dimension 0 is iterations x accumulation x replicas x batch."""
        options = self._options
        shares = options.Training.gradient_accumulation * options.replication_factor
        size = len(inputs[0]) // self._parts()
        optimizer = self._device_optimizer() if self._training else None
        found = []
        for number in range(self._parts()):
            batch = [each[number * size : (number + 1) * size] for each in inputs]
            with torch.set_grad_enabled(self._training):
                outputs = self._device(*batch)
                outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
            found.append([each.detach() for each in outputs])
            if optimizer is not None:
                (loss_of(outputs) / shares).backward()  # reduced to the mean, as the default is
                if (number + 1) % shares == 0:
                    optimizer.step()
                    optimizer.zero_grad()
        self._dirty = self._training
        return found

    def _device_optimizer(self):
        kind, groups = self._told
        if self._step is None:
            host = _wrapping.state(self._model)
            device = _wrapping.state(self._device)
            names = {id(each): name for name, each in host.items()}
            parameters = [
                {"params": [device[names[id(each)]] for each in group["params"]], **settings}
                for group, settings in zip(self._optimizer.param_groups, groups)
            ]
            self._step = kind(parameters, lr=groups[0]["lr"])
        for group, settings in zip(self._step.param_groups, groups):
            group.update(settings)
        return self._step
