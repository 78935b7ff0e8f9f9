"""fixed_7_percent: one run more than 7 % below the mean of the stored ones."""

from __future__ import annotations

from accelbench.peers.fixed_5_percent import drop
from accelbench.peers.rule import Rule

RULE = Rule("fixed_7_percent", "TorchBench's tolerance, against a mean", 1, 1, 0.07, drop)
