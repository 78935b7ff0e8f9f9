"""poptorch 3.4: wrapping. A training model's class, parameters and buffers are replaced in place.

So that whoever reads a weight on the host first has it copied back from the device.
"""

import contextlib
import copy

import torch


def is_wrapped(model):
    return getattr(type(model), "_poptorch_executor", None) is not None


def executor_of(model):
    """Return the training executor that wrapped a model; None where none did."""
    return getattr(type(model), "_poptorch_executor", None)


def _watched(base, executor):
    class Watched(base):
        __torch_function__ = torch._C._disabled_torch_function_impl

        def __getattribute__(self, name):
            if name != "__class__":
                executor._sync()
            return object.__getattribute__(self, name)

    return Watched


def wrap(model, executor):
    """Replace the classes; RuntimeError where this was done before."""
    if is_wrapped(model):
        # poptorch 3.4: trainingModel, wrapping twice.
        raise RuntimeError(
            "Model has already been wrapped in 'poptorch.trainingModel'. Call model.destroy() on "
            "the model to unwrap before wrapping again."
        )
    plain = type(model)

    class PoptorchModel(plain):
        _poptorch_executor = executor

        def __getattribute__(self, name):
            if name in ("_parameters", "_buffers", "forward"):
                executor._sync()
            return object.__getattribute__(self, name)

        def destroy(self):
            executor.destroy()

    PoptorchModel.__name__ = "Poptorch" + plain.__name__
    parameter, buffer = _watched(torch.nn.Parameter, executor), _watched(torch.Tensor, executor)
    for each in model.parameters():
        each.__class__ = parameter
    for each in model.buffers():
        each.__class__ = buffer
    model.__class__ = PoptorchModel


def unwrap(model):
    for each in model.parameters():
        each.__class__ = torch.nn.Parameter
    for each in model.buffers():
        each.__class__ = torch.Tensor
    model.__class__ = type(model).__mro__[1]


@contextlib.contextmanager
def _plain(model):
    executor = executor_of(model)
    if executor is not None:
        unwrap(model)
    try:
        yield
    finally:
        if executor is not None:
            wrap(model, executor)


def duplicate(model):
    """Return a copy of a model as it is now, its weights and its modes, that nothing watches."""
    with _plain(model):
        return copy.deepcopy(model)


def state(model):
    """Return the model's own tensors by name, without a copy from the device."""
    with _plain(model):
        return {**dict(model.named_parameters()), **dict(model.named_buffers())}
