"""What the Cerebras SDK writes is gone with its run, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from accelbench.workers import cerebras_artifacts
from accelbench.workers.watchdog import FOLDER_VARIABLE

PLUGIN = Path(cerebras_artifacts.__file__).parents[2]

HOLD = """
import sys
from accelbench.workers import cerebras_artifacts
made = cerebras_artifacts.make()
print(made.folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files; nothing else is in it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return tmp_path


def holder() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that has a folder until its input ends; return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PLUGIN)!r})\n{HOLD}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str], number: int = 0) -> None:
    """End a process by a signal, or by the end of its input."""
    if number:
        process.send_signal(number)
    process.communicate()


def test_a_killed_runs_folder_is_removed_by_the_next_run_and_a_living_ones_is_not(
    scratch: Path,
) -> None:
    (scratch / "accelbench-cerebras-file").touch()
    (scratch / "another").mkdir()
    killed, left = holder()
    living, held = holder()
    (left / "executors").mkdir()
    end(killed, signal.SIGKILL)
    assert left.is_dir()
    made = cerebras_artifacts.make()
    try:
        assert not left.exists()
        assert held.is_dir()
        assert Path(made.folder).parent == scratch
    finally:
        end(living)
        made.remove()
    assert {path.name for path in scratch.iterdir()} == {"accelbench-cerebras-file", "another"}


def test_a_folder_lies_where_a_guard_removes_it_for_sure(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = scratch / "guarded"
    guarded.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(guarded))
    made = cerebras_artifacts.make()
    assert Path(made.folder).parent == guarded
    made.remove()


def test_a_kept_folder_stays_after_a_failure_and_another_does_not(scratch: Path) -> None:
    kept, usual = cerebras_artifacts.make(str(scratch / "kept")), cerebras_artifacts.make()
    for made in (kept, usual):
        with pytest.raises(KeyboardInterrupt), cerebras_artifacts.removed_on_failure(made):
            raise KeyboardInterrupt
    assert Path(kept.folder).is_dir()
    assert not Path(usual.folder).exists()


def test_what_is_written_to_the_current_folder_lies_in_it_and_the_old_one_comes_back(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scratch / "before"
    before.mkdir()
    monkeypatch.chdir(before)
    # A relative name holds: the folder is the current one while the SDK is called.
    made = cerebras_artifacts.make("kept")
    with pytest.raises(RuntimeError), made.inside():  # noqa: PT012  # written, then raised
        Path("graph").touch()
        raise RuntimeError
    assert Path.cwd() == before
    assert [path.name for path in Path(made.folder).iterdir()] == ["graph"]
