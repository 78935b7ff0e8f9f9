"""Stores a session's runs and judgements, come what may."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from accelbench.store.history import HistoryLine, SessionFile, dumps, verdicts_path


@dataclass
class Keeper:
    """Stores a session's runs, and whatever happens lets the session go on.

    `folder` is None for a session without history.
    """

    folder: Path | None
    lost: int = 0
    reason: str = ""
    _files: dict[Path, SessionFile] = field(default_factory=dict, repr=False)

    def keep(self, line: HistoryLine) -> None:
        """Store a run's line, or count it as lost."""
        if self.folder is not None:
            self.lost += not self._kept(SessionFile(self.folder, line.session_id), dumps(line))

    def keep_judgement(self, session_id: str, text: str) -> None:
        """Store the JSON of a judgement beside the runs: with them, it is what gets lost."""
        if self.folder is not None:
            self._kept(SessionFile(verdicts_path(self.folder, session_id).parent, session_id), text)

    def _kept(self, file: SessionFile, text: str) -> bool:
        try:
            self._files.setdefault(file.path, file).append_text(text)
        except OSError as error:
            self.reason = error.strerror or str(error)
            return False
        return True

    def close(self) -> None:
        """Let go of all files."""
        for file in self._files.values():
            file.close()

    @property
    def complaint(self) -> str | None:
        """What was not stored, why, and what to do, as one line; None where nothing is missing."""
        if not self.lost:
            return None
        runs = "1 run" if self.lost == 1 else f"{self.lost} runs"
        return (
            f"{runs} not stored in the history {self.folder} ({self.reason}): free some space, "
            "choose another folder with --history DIR, or switch it off with --no-history"
        )
