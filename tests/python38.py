"""Runs what must run under Python 3.8 and torch 2.0.1: `python tests/python38.py FOLDER`.

The worker's unit tests, and training through poptorch, whose stand-in is on the path.

An environment is made in FOLDER with the standard library's venv, for virtualenv, and so tox, no
longer makes one for Python 3.8. Where no Python 3.8 is found, it says so and succeeds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ("tests/unit/workers", "tests/sdk/poptorch")
REQUIREMENTS = ("torch==2.0.1", "numpy<2", "pytest<8.4", "coverage")


def candidates() -> Iterator[Path]:
    """Yield what may be a Python 3.8: on the PATH, or one that pyenv keeps."""
    found = shutil.which("python3.8")
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.8.*/bin/python3.8"))


def interpreter() -> Path | None:
    """Return a Python 3.8 that runs; a shim of pyenv may exist and not run."""
    for path in candidates():
        done = subprocess.run([path, "--version"], capture_output=True, check=False)
        if done.returncode == 0:
            return path
    return None


def environment(folder: Path, base: Path) -> Path:
    """Return the environment's interpreter, made and filled the first time."""
    python, stamp = folder / "bin" / "python", folder / "complete"
    wanted = "\n".join(REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([base, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return python


def main(folder: str, *arguments: str) -> int:
    """Run the tests; return pytest's exit status."""
    base = interpreter()
    if base is None:
        sys.stdout.write("SKIPPED: no Python 3.8 on the PATH or in pyenv: worker tests not run\n")
        return 0
    python = environment(Path(folder), base)
    command: list[str | Path] = [
        python,
        "-m",
        "pytest",
        "--noconftest",
        "-c",
        os.devnull,
        "--rootdir",
        ROOT,
    ]
    command += ["-p", "no:cacheprovider", *(ROOT / folder for folder in TESTS), *arguments]
    path = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "tests" / "standin")))
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
