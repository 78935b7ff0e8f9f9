"""Units are held by one run at a time, all that it needs or none; locks die with their holder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, cast

import pytest

from accelbench import lease
from accelbench.lease import Holder, LeaseError, hold
from accelbench.tickets import Ticket, Wish

HOLDER = """
import sys
from pathlib import Path
from accelbench.lease import hold

with hold(["cpu"], 1, Path(sys.argv[1]), "alpha on cpu", lambda *_: None):
    print("held", flush=True)
    sys.stdin.readline()
print("freed", flush=True)
"""

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start_holder(tmp_path: Path) -> Iterator[Start]:
    """Starts a second process that holds the unit until a line is written to it."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert cast("IO[str]", process.stdout).readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def never(unit: str, holder: Holder | None) -> None:
    raise AssertionError(f"{unit} should be free, not held by {holder}")


def test_a_free_unit_is_held_at_once_and_says_by_whom(tmp_path: Path) -> None:
    with hold(["cpu"], 1, tmp_path, "alpha on cpu", never) as held:
        content = (tmp_path / "accelbench-cpu.lock").read_text()
        assert f'"pid": {os.getpid()}' in content
        assert "alpha on cpu" in content
        os.fstat(held.descriptors[0])
    assert not (tmp_path / "accelbench-cpu.lock").read_text()
    with hold(["cpu"], 1, tmp_path, "again", never):
        pass


def test_two_units_do_not_hinder_each_other(tmp_path: Path) -> None:
    with hold(["cpu"], 1, tmp_path, "a", never), hold(["gpu-1"], 1, tmp_path, "b", never):
        pass


def test_waiting_tells_once_who_holds_the_unit_and_ends_when_it_is_freed(
    tmp_path: Path, start_holder: Start
) -> None:
    holder = start_holder()
    told: list[tuple[str, Holder | None]] = []

    def waiting(unit: str, who: Holder | None) -> None:
        told.append((unit, who))
        cast("IO[str]", holder.stdin).write("\n")
        cast("IO[str]", holder.stdin).flush()

    with hold(["cpu"], 1, tmp_path, "beta", waiting) as held:
        assert told == [("cpu", Holder(holder.pid, "alpha on cpu"))]
        assert held.queue_seconds >= lease.POLL_SECONDS
        assert cast("IO[str]", holder.stdout).readline() == "freed\n"


def test_a_killed_holder_frees_the_unit(tmp_path: Path, start_holder: Start) -> None:
    holder = start_holder()

    def waiting(unit: str, who: Holder | None) -> None:
        assert who is not None
        os.kill(who.pid, signal.SIGKILL)

    with hold(["cpu"], 1, tmp_path, "beta", waiting):
        assert holder.wait() == -signal.SIGKILL


def test_a_unit_stays_held_until_the_last_heir_of_its_descriptor_is_gone(tmp_path: Path) -> None:
    # A session that is killed leaves its worker: the worker's copy of the descriptor holds on.
    script = HOLDER.replace('    print("held"', "    import subprocess\n    print('held'").replace(
        "    sys.stdin.readline()\n",
        "    subprocess.Popen(['sleep', '60'], pass_fds=held.descriptors)\n"
        "    sys.stdin.readline()\n",
    )
    script = script.replace("lambda *_: None):", "lambda *_: None) as held:")
    script = script.replace("subprocess.Popen(", "child = subprocess.Popen(").replace(
        "    sys.stdin", "    print(child.pid, flush=True)\n    sys.stdin"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        out = cast("IO[str]", session.stdout)
        assert out.readline() == "held\n"
        heir = int(out.readline())
        session.kill()
    told: list[str] = []

    def waiting(unit: str, who: Holder | None) -> None:
        told.append(unit)
        os.kill(heir, signal.SIGKILL)

    with hold(["cpu"], 1, tmp_path, "beta", waiting):
        assert told == ["cpu"]


@pytest.mark.parametrize("content", [b"", b"junk", b"[1]", b"5", b'{"pid": "x"}', b"\xff{}"])
def test_an_unreadable_note_in_the_lock_file_is_another_session(
    tmp_path: Path, start_holder: Start, content: bytes
) -> None:
    holder = start_holder()
    (tmp_path / "accelbench-cpu.lock").write_bytes(content)
    told: list[Holder | None] = []

    def waiting(unit: str, who: Holder | None) -> None:
        told.append(who)
        holder.kill()

    with hold(["cpu"], 1, tmp_path, "beta", waiting):
        assert told == [None]


AS_NOBODY = """
import os, sys
from pathlib import Path
from accelbench.lease import LeaseError, hold

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with hold(["cpu"], 1, Path(sys.argv[1]), "alpha", lambda *_: None):
        print("held")
except LeaseError as error:
    print(error)
"""


def as_nobody(folder: Path) -> str:
    """Return what a process without privileges says when it holds a unit in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that another user can reach."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.owner() == tmp_path.owner():
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def test_a_folder_that_cannot_be_written_is_one_clear_line(open_folder: Path) -> None:
    folder = open_folder / "locks"
    folder.mkdir()
    folder.chmod(0o555)
    assert as_nobody(folder) == (
        f"cannot lock {folder}/accelbench.allocator: Permission denied; set ACCELBENCH_LOCKS to a "
        "folder of this host that all its users can write\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user: run as root")
def test_a_lock_file_of_another_user_can_be_shared(open_folder: Path) -> None:
    folder = open_folder / "locks"
    folder.mkdir()
    folder.chmod(0o1777)
    with hold(["cpu"], 1, folder, "root's", never):
        pass
    assert as_nobody(folder) == "held\n"


def test_a_link_in_the_place_of_a_lock_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("content")
    (tmp_path / "accelbench-cpu.lock").symlink_to(target)
    with (
        pytest.raises(LeaseError, match=r"cannot lock .*accelbench-cpu\.lock"),
        hold(["cpu"], 1, tmp_path, "alpha", never),
    ):
        pass
    assert target.read_text() == "content"


def test_a_folder_whose_place_a_file_takes_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(LeaseError, match=r"cannot lock .*; set ACCELBENCH_LOCKS") as caught,
        hold(["cpu"], 1, tmp_path / "file", "alpha", never),
    ):
        pass
    assert "\n" not in str(caught.value)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs {0} tmpfs rw 0 0
server:/export {0}/shared {1} rw 0 0
tmpfs {0}/shared/scratch tmpfs rw 0 0
"""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Let /proc/mounts say that a folder is on a file system of a kind; all else is real."""
    real = Path.read_text

    def mount(kind: str) -> Path:
        text = MOUNTS.format(tmp_path.resolve(), kind)

        def read_text(path: Path, encoding: str | None = None, errors: str | None = None) -> str:
            return text if str(path) == "/proc/mounts" else real(path, encoding, errors)

        monkeypatch.setattr(Path, "read_text", read_text)
        return tmp_path / "shared"

    return mount


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "cifs", "beegfs", "fuse.sshfs"])
def test_a_network_file_system_is_refused_with_one_line(
    mounted: Callable[[str], Path], kind: str
) -> None:
    folder = mounted(kind)
    with (
        pytest.raises(LeaseError, match=f"on a network file system \\({kind}\\)") as caught,
        hold(["cpu"], 1, folder / "deep", "alpha", never),
    ):
        pass
    assert "set ACCELBENCH_LOCKS to a folder of this host" in str(caught.value)
    assert not folder.exists()


@pytest.mark.parametrize("place", ["../beside", "scratch", "../shared-too"])
def test_a_local_folder_beside_or_below_a_network_mount_will_do(
    mounted: Callable[[str], Path], place: str
) -> None:
    with hold(["cpu"], 1, mounted("nfs") / place, "alpha", never):
        pass


def test_the_folder_can_be_chosen_and_is_else_shared_by_all_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(tmp_path))
    assert lease.lock_folder() == tmp_path
    monkeypatch.delenv("ACCELBENCH_LOCKS")
    assert lease.lock_folder().stat().st_mode & 0o1777 == 0o1777


FOUR = ["gpu:GPU-a", "gpu:GPU-b", "gpu:MIG-c/1/0", "gpu:MIG-c/2/0"]


def refused(units: list[str], count: int, folder: Path) -> tuple[str, Holder | None]:
    """Return whom one is told to wait for, who cannot have the units now, and wait no longer."""
    told: list[tuple[str, Holder | None]] = []

    def waiting(unit: str, holder: Holder | None) -> None:
        told.append((unit, holder))
        raise TimeoutError

    with pytest.raises(TimeoutError), hold(units, count, folder, "refused", waiting):
        pass
    (only,) = told
    return only


def test_any_units_that_are_free_are_held_whatever_their_names(tmp_path: Path) -> None:
    with (
        hold(FOUR, 1, tmp_path, "one", never) as first,
        hold(FOUR, 2, tmp_path, "two", never) as second,
        hold(FOUR[::-1], 1, tmp_path, "one", never) as third,
    ):
        assert (first.units, second.units) == (tuple(FOUR[:1]), tuple(FOUR[1:3]))
        assert third.units == (FOUR[3],)
        assert len({*first.descriptors, *second.descriptors, *third.descriptors}) == 4
    names = {path.name for path in tmp_path.iterdir()}
    assert "accelbench-gpu%3AMIG-c%2F1%2F0.lock" in names
    assert len(names) == 5, "four units and the allocator's lock"


def test_units_are_held_all_or_none(tmp_path: Path) -> None:
    with hold(FOUR[3:], 1, tmp_path, "gamma", never):
        assert refused(FOUR, 4, tmp_path) == (FOUR[3], Holder(os.getpid(), "gamma"))
        with hold(FOUR[:3], 3, tmp_path, "what the other one did not get", never):
            pass


@pytest.mark.parametrize(("units", "count"), [(FOUR, 5), ([], 1), (["a", "a"], 2), (FOUR, 0)])
def test_fewer_units_than_wanted_are_one_clear_line(
    tmp_path: Path, units: list[str], count: int
) -> None:
    expected = f"^alpha on gpu-{count} needs {count} units at once, and there are {len(set(units))}"
    with (
        pytest.raises(LeaseError, match=expected) as caught,
        hold(units, count, tmp_path, f"alpha on gpu-{count}", never),
    ):
        pass
    assert "\n" not in str(caught.value)


def waiter(folder: Path, units: list[str], count: int, *, asleep: float = 0.0) -> Ticket:
    """Return the ticket of somebody who waits."""
    ticket = Ticket.draw(folder, Wish(Holder(7, "patient"), tuple(units), count))
    os.utime(ticket.path, (time.time() - asleep,) * 2)
    return ticket


def test_who_waits_for_many_units_is_not_overtaken_by_who_wants_one(tmp_path: Path) -> None:
    with hold(FOUR[:1], 1, tmp_path, "alpha", never):
        ticket = waiter(tmp_path, FOUR, 4)
        told = (FOUR[1], Holder(7, "patient, whose turn it is"))
        assert refused(FOUR[1:], 1, tmp_path) == told
        with hold(["cpu"], 1, tmp_path, "who wants another unit", never):
            pass
        ticket.tear()
        with hold(FOUR[1:], 1, tmp_path, "beta", never):
            pass


def test_who_waits_puts_aside_no_more_than_it_needs(tmp_path: Path) -> None:
    ticket = waiter(tmp_path, FOUR, 2)
    with hold(FOUR, 2, tmp_path, "beta", never) as held:
        assert held.units == tuple(FOUR[2:])
    ticket.tear()


def test_who_waits_and_sleeps_or_is_dead_is_passed_by(tmp_path: Path) -> None:
    asleep = waiter(tmp_path, FOUR, 4, asleep=60.0)
    with hold(FOUR, 1, tmp_path, "beta", never):
        assert asleep.path.exists()
    asleep.tear()
    dead = waiter(tmp_path, FOUR, 4)
    os.close(dead.descriptor)
    with hold(FOUR, 1, tmp_path, "beta", never):
        assert not dead.path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"[1]", b'{"pid": 1, "purpose": "", "units": 5}']
)
def test_an_unreadable_ticket_stands_in_nobodys_way(tmp_path: Path, content: bytes) -> None:
    ticket = waiter(tmp_path, FOUR, 4)
    ticket.path.write_bytes(content)
    with hold(FOUR, 4, tmp_path, "beta", never):
        pass
    ticket.tear()


def test_who_gives_up_waiting_leaves_the_line(tmp_path: Path) -> None:
    with hold(["cpu"], 1, tmp_path, "alpha", never):
        assert refused(["cpu"], 1, tmp_path)[0] == "cpu"
    assert not list(tmp_path.glob("*ticket*"))


RIVAL = """
import json, random, sys, time
from pathlib import Path
from accelbench import lease

lease.POLL_SECONDS = 0.01
folder, number = Path(sys.argv[1]), int(sys.argv[2])
units = [f"gpu:{n}" for n in range(4)]
draw = random.Random(number)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(6):
    wanted = draw.sample(units, draw.randint(1, 4))
    count = draw.randint(1, len(wanted))
    with lease.hold(wanted, count, folder, "rival", lambda *_: None) as held:
        begun = time.monotonic()
        time.sleep(draw.random() / 100)
        print(json.dumps([begun, time.monotonic(), held.units]), flush=True)
"""


def test_rivals_for_overlapping_units_all_get_them_and_never_the_same_at_once(
    tmp_path: Path,
) -> None:
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(5)
    ]
    for rival in rivals:
        assert cast("IO[str]", rival.stdout).readline() == "ready\n"
    texts = [rival.communicate("\n", timeout=120)[0] for rival in rivals]
    assert [rival.returncode for rival in rivals] == [0] * 5
    held = sorted(json.loads(line) for text in texts for line in text.splitlines())
    assert len(held) == 30
    for unit in (f"gpu:{n}" for n in range(4)):
        times = [(begun, ended) for begun, ended, units in held if unit in units]
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times)), unit
    assert not list(tmp_path.glob("*ticket*"))


def test_many_who_want_one_unit_do_not_starve_one_who_wants_all(tmp_path: Path) -> None:
    # Four at a time hold one unit each, and come again at once: without a line all four units are
    # hardly ever free together.
    small, folder = 4, tmp_path
    ended = threading.Event()
    rounds = [0] * small

    def come_again(number: int) -> None:
        while not ended.is_set() and rounds[number] < 30:
            with hold(FOUR, 1, folder, "small", lambda *_: None):
                rounds[number] += 1
                time.sleep(0.05 + number / 100)

    threads = [threading.Thread(target=come_again, args=(number,)) for number in range(small)]
    for thread in threads:
        thread.start()
    try:
        while min(rounds) < 1:
            time.sleep(0.01)
        seen: list[int] = []
        with hold(FOUR, 4, folder, "large", lambda *_: seen.append(sum(rounds))) as held:
            overtaken = sum(rounds) - seen[0]
            assert held.units == tuple(FOUR)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert overtaken <= small, "only who had a unit and had not counted yet"
