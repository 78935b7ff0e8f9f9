"""The whole proof suite at its quick size, as anybody runs it: a minute or two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from accelbench.verify import suite

DEADLINE_SECONDS = 1800
"""Against a hang alone: it takes a minute or two on an idle machine."""


def test_no_target_is_refuted_at_the_quick_size(tmp_path: Path) -> None:
    results, markdown = tmp_path / "results.jsonl", tmp_path / "proof.md"
    files = ["--results", str(results), "--markdown", str(markdown)]
    done = subprocess.run(
        [sys.executable, "-m", "accelbench.cli", "verify", "--quick", "--jobs", "2", *files],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    rows = [row for result in suite.stored(results) for row in result.rows]
    assert {row.bench for row in rows} == {"V1", "V2", "V3", "V7", "V8", "V9"}
    assert not [row for row in rows if row.met is not None]
    text = markdown.read_text()
    assert all(f"\n| {bench} |" in text for bench in ("V1", "V2", "V3", "V7", "V8", "V9"))
    assert text.count("\n| V") == len(rows)
    assert "targets missed" in text
