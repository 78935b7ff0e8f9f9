"""What the worker's host offers, and who else runs on it: real processes, no assumptions of quiet.

Other programs may be running while these tests do: nothing here needs an idle machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import accelbench
from accelbench.workers import host

PLUGIN = str(Path(accelbench.__file__).parents[1])

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")

BUSY = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"

# A worker leads a session of its own; so does this script, that nothing of pytest's is in it.
METERED = """
import os, subprocess, sys, time
from accelbench.workers import host

def running(pid):
    try:
        return open("/proc/" + pid + "/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

def own_seconds():
    return host._own_seconds(frozenset({os.getsid(0)}))

def print_and_exit():
    foreign = meter.foreign_cores * meter._wall
    print(foreign, own_seconds() - own, host._busy_seconds(cores) - busy)
    sys.exit()

where, code = sys.argv[1:]
meter, cores = host.LoadMeter(), host.affinity()
busy, own = host._busy_seconds(cores), own_seconds()
meter.open()
if where == "outside":
    # Orphaned at once: a child's time would be ours as soon as we have waited for it.
    start = "import subprocess as s, sys; a = [sys.executable, '-c', sys.argv[1]];"
    start += "print(s.Popen(a, start_new_session=True, stdout=s.DEVNULL).pid)"
    pid = subprocess.check_output([sys.executable, "-c", start, code], text=True).strip()
    while running(pid): time.sleep(0.01)
    meter.close()
    print_and_exit()
if where == "another rank":
    code = "input()\\n" + code
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdin=subprocess.PIPE, text=True)
    meter = host.LoadMeter([process.pid])
    meter.open()
    process.stdin.write("\\n")
    process.stdin.flush()
    while running(str(process.pid)): time.sleep(0.01)
    meter.close()
    process.wait()
    print_and_exit()
process = subprocess.Popen([sys.executable, "-c", code])
if where == "inside, running":
    while own_seconds() - own < 0.3: time.sleep(0.01)
    meter.close()
    process.wait()
else:
    process.wait()
    meter.close()
print_and_exit()
"""


def metered(where: str) -> tuple[float, float, float]:
    """Return foreign, own, and all busy seconds while a process of half a second ran."""
    done = subprocess.run(
        [sys.executable, "-c", METERED, where, BUSY],
        env={**os.environ, "PYTHONPATH": PLUGIN},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        check=True,
    )
    foreign, own, busy = map(float, done.stdout.split())
    return foreign, own, busy


def test_affinity_names_the_cores_this_process_may_use() -> None:
    cores = host.affinity()
    assert cores == sorted(set(cores))
    assert 1 <= host.usable_cores() <= len(cores)


@linux
def test_affinity_is_asked_and_not_the_number_of_processors() -> None:
    script = (
        "import os; from accelbench.workers import host\n"
        "core = min(os.sched_getaffinity(0)); os.sched_setaffinity(0, {core})\n"
        "assert host.affinity() == [core]; print(host.usable_cores())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PLUGIN},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


@linux
@pytest.mark.parametrize(
    ("content", "expected"),
    [("150000 100000", 2), ("100000 100000", 1), ("1000 100000", 1), ("max 100000", 4), ("?", 4)],
)
def test_a_cgroups_quota_cuts_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, expected: int
) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    assert host.usable_cores() == expected


@linux
def test_the_peak_of_memory_follows_what_is_held_and_is_not_inherited() -> None:
    script = (
        "from accelbench.workers import host; before = host.peak_memory_bytes()\n"
        "held = bytearray(64 * 2**20); held[::4096] = b'x' * len(held[::4096])\n"
        "print(before, host.peak_memory_bytes())"
    )
    big = bytearray(96 * 2**20)
    big[::4096] = b"x" * len(big[::4096])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PLUGIN},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    before, after = map(int, done.stdout.split())
    assert 0 < before < 64 * 2**20
    assert after - before > 60 * 2**20


@linux
@pytest.mark.parametrize("where", ["inside", "inside, running", "another rank"])
def test_a_busy_child_of_the_run_is_not_foreign_load(where: str) -> None:
    foreign, own, busy = metered(where)
    assert own > 0.25
    # Whatever else ran on the cores is in `busy` too: our own part is missing from the foreign one.
    assert foreign <= busy - own + 0.15


@linux
def test_a_busy_process_outside_the_session_is_foreign_load() -> None:
    foreign, own, busy = metered("outside")
    assert foreign > 0.35
    assert own < busy - 0.35


def test_windows_too_short_for_the_clock_say_nothing() -> None:
    meter = host.LoadMeter()
    meter.open()
    meter.close()
    assert meter.foreign_cores is None


def test_a_host_that_does_not_tell_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_busy_seconds", lambda _cores: None)
    meter = host.LoadMeter()
    meter.open()
    meter._wall = 10.0
    meter.close()
    assert meter.foreign_cores is None


@linux
def test_throttling_is_read_from_the_cgroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nthrottled_usec 1000000\n")
    meter = host.LoadMeter()
    meter.open()
    (tmp_path / "cpu.stat").write_text("usage_usec 9\nthrottled_usec 3500000\n")
    meter.close()
    assert meter.throttled_seconds == pytest.approx(2.5)
