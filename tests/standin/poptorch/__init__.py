"""A stand-in for poptorch 3.4: its contract, enforced; the arithmetic is torch's, on the CPU.

The real package cannot be installed without its vendor's SDK. Written from the SDK's documents and
from what its sources do, without a line of theirs; each rule names its section. What is not here is
not used by accelbench. Nothing is emulated: no tiles, no cycles, no half precision.

Environment, as the real one reads it: POPLAR_SDK_ENABLED (set by enable.sh), POPTORCH_CACHE_DIR,
POPTORCH_IPU_MODEL, POPTORCH_SMALL_IPU_MODEL, POPTORCH_WAIT_FOR_IPU.

And to provoke what a test needs:

- POPTORCH_STANDIN_IPUS: how many IPUs there are (1); 0: none.
- POPTORCH_STANDIN_VERSION: of the IPU hardware (2: Mk2).
- POPTORCH_STANDIN_TORCH: the version of torch that this build was made for (2.0.1).
- POPTORCH_STANDIN_BUSY: so many attempts to acquire an IPU find all of them taken (0); COUNT@N:
  those from the N-th on.
- POPTORCH_STANDIN_FAULT: KIND@N raises in the N-th call of a training model, KIND being ipu_reset,
  link_reset, partition_reset, full_reset, unrecoverable or error; KIND@compile, in compile().
"""

import os

import torch

_BUILT_FOR = os.environ.get("POPTORCH_STANDIN_TORCH", "2.0.1")
# poptorch 3.4: import, torch version.
assert torch.__version__.startswith(_BUILT_FOR), (
    f"This version of PopTorch only works with torch=={_BUILT_FOR} but the version installed is "
    f"{torch.__version__}"
)
# poptorch 3.4: import, active SDK.
if not os.environ.get("POPLAR_SDK_ENABLED"):
    raise ImportError(
        "Unable to import PopTorch: it cannot be used without an active Poplar SDK. "
        "Source the SDK's enable.sh first."
    )

from . import optim  # noqa: E402  # the checks come first
from ._data import DataLoader  # noqa: E402
from ._enums import ConnectionType, DataLoaderMode, OutputMode  # noqa: E402
from ._errors import Error, RecoverableError, UnrecoverableError  # noqa: E402
from ._executor import PoplarExecutor, inferenceModel, trainingModel  # noqa: E402
from ._hardware import ipuHardwareIsAvailable, ipuHardwareVersion  # noqa: E402
from ._options import Options  # noqa: E402
from ._outputs import identity_loss  # noqa: E402

__version__ = "3.4.0-standin"

__all__ = [
    "ConnectionType",
    "DataLoader",
    "DataLoaderMode",
    "Error",
    "Options",
    "OutputMode",
    "PoplarExecutor",
    "RecoverableError",
    "UnrecoverableError",
    "identity_loss",
    "inferenceModel",
    "ipuHardwareIsAvailable",
    "ipuHardwareVersion",
    "optim",
    "trainingModel",
]
