"""The enumerations, with the documented numbers (poptorch 3.4: output modes, loader modes)."""

import enum


class OutputMode(enum.Enum):
    Final = 0
    EveryN = 1
    All = 2
    Sum = 3
    Default = 4


class DataLoaderMode(enum.Enum):
    Sync = 0
    Async = 1
    AsyncRebatched = 2


class ConnectionType(enum.Enum):
    Always = 0
    OnDemand = 1
    Never = 2
