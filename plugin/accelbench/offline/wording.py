"""Findings on runs made elsewhere, in words."""

from __future__ import annotations

from accelbench.offline.judging import Finding
from accelbench.store.identity import Key
from accelbench.wording import reasons, shown_status


def name_of(key: Key) -> str:
    """Return a cell's name: its workload, what was set, and the device where it matters."""
    words = [key.workload, *(f"{name}={value}" for name, value in key.params)]
    return " ".join([*words, *(["on", key.device] if key.device else [])])


def explained(finding: Finding) -> str:
    """Return a finding as text: what it is, then a line for each thing that it rests on."""
    options = finding.judgement.case.options if finding.judgement else None
    verdict = finding.verdict
    parts = [
        *reasons(verdict, options, finding.since),
        *(["differs in " + ", ".join(finding.differs)] if finding.differs else []),
    ]
    head = f"{name_of(finding.key)}: {verdict.metric} {shown_status(verdict)}"
    return "\n  ".join([f"{head}: {parts[0]}", *parts[1:]]) if parts else head
