"""poptorch 3.4: what a call returns, and what of it is the loss."""

import torch

from ._enums import OutputMode
from ._errors import from_python


def identity_loss(value, reduction):
    """poptorch 3.4, semantics: marks what is differentiated. Reductions: "sum", "mean", "none"."""
    assert reduction in ("sum", "mean", "none")
    found = value if reduction == "none" else getattr(value, reduction)()
    found._poptorch_loss = True
    return found


def loss_of(outputs):
    marked = [each for each in outputs if getattr(each, "_poptorch_loss", False)]
    scalars = [each for each in outputs if each.dim() == 0 and each.requires_grad]
    found = marked or scalars
    if len(found) != 1:
        raise from_python("Couldn't find a loss in graph: forward() must return one")
    return found[0]


def _no_backward(*_args, **_more):
    """poptorch 3.4, semantics: backward runs inside the call."""
    raise from_python(
        "backward() cannot be called explicitly on outputs of a PopTorch model: the backward pass "
        "runs when the model is called"
    )


def returned(found, options):
    """Return a call's outputs, given those of each micro-batch in their order."""
    outputs = [_output([each[index] for each in found], options) for index in range(len(found[0]))]
    for each in outputs:
        each.backward = _no_backward
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _output(values, options):
    """poptorch 3.4, output modes: how many of the micro-batches' values return, and how."""
    mode = options.output_mode
    replicas, accumulation = options.replication_factor, options.Training.gradient_accumulation
    if mode == OutputMode.Final:
        values = values[-replicas:]
    elif mode == OutputMode.Sum:
        values = [sum(values[which::replicas]) for which in range(replicas)]
    elif mode == OutputMode.EveryN:
        each, period = accumulation * replicas, options.output_return_period
        assert options.device_iterations % period == 0
        kept = range(period - 1, options.device_iterations, period)
        values = [one for n in kept for one in values[n * each : (n + 1) * each]]
    if len(values) == 1:
        return values[0]
    return torch.cat([each.reshape(1) if each.dim() == 0 else each for each in values])
