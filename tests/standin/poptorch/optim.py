"""poptorch 3.4: optim. torch's optimizers, with what an IPU adds to them."""

import torch


def _extended(base):
    class Extended(base):
        def __init__(self, params, lr=1e-3, loss_scaling=1.0, accum_type=torch.float32, **more):
            super().__init__(params, lr=lr, **more)
            self.loss_scaling = loss_scaling
            self.accum_type = accum_type

    Extended.__name__ = base.__name__
    return Extended


SGD = _extended(torch.optim.SGD)
Adam = _extended(torch.optim.Adam)
AdamW = _extended(torch.optim.AdamW)
RMSprop = _extended(torch.optim.RMSprop)


class LAMB(torch.optim.Optimizer):
    """Accepted, but not computed here."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        raise NotImplementedError("the stand-in does not compute LAMB")


_COMPUTED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop)


def settings(optimizer):
    """Return what an IPU is told of an optimizer: its class, and the numbers of its groups.

    poptorch 3.4, optim: SGD, Adam, AdamW, RMSprop and LAMB; another class is not run. Neither
    Nesterov's momentum nor amsgrad.
    """
    if isinstance(optimizer, LAMB):
        return LAMB, []
    kind = next((each for each in _COMPUTED if isinstance(optimizer, each)), None)
    assert kind is not None, (
        "Unsupported optimizer type. Types supported: SGD, Adam, AdamW, RMSprop, LAMB"
    )
    groups = [{k: v for k, v in each.items() if k != "params"} for each in optimizer.param_groups]
    for group in groups:
        if group.get("nesterov"):
            raise ValueError("Nesterov momentum is currently not supported.")
        if group.get("amsgrad"):
            raise ValueError("Only non-amsgrad Adam/AdamW optimizers are supported.")
    return kind, groups
