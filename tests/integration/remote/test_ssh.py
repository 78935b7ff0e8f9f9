"""A worker on another host, through a real ssh server: it comes up, works, and ends whole."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import accelbench
from accelbench import data
from accelbench.gateway import Worker
from accelbench.parcel import LARGEST_BYTES
from accelbench.startup import AttachError

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout
    from tests.integration.remote.conftest import Server, There

    Wait = Callable[[Callable[[], bool], str], None]


def hanging(there: There, eventually: Wait, mode: str, **config: object) -> Worker:
    """Start a training that hangs with children, one of which left its session."""
    worker = there.start(**config)
    worker.attach(there.job(mode=mode))
    eventually(lambda: bool(there.told("hangs")) and "child" in there.log.read_text(), "a hang")
    return worker


def test_a_worker_there_runs_the_sources_that_were_sent_and_leaves_nothing(
    there: There, eventually: Wait
) -> None:
    worker = there.start(env=(("FROM_ENV", 'it\'s "c//d" $HOME'),))
    eventually(lambda: bool(there.watching()), "the shell that waits for its end")
    text = there.workload.read_text()
    there.workload.write_text(text + "tell('env', os.environ['FROM_ENV'])\n")
    assert there.follow(worker, there.job()) == "result"
    assert not worker.alive
    assert worker.exit_text() == "exit status 0"
    (package,) = there.told("package")
    assert package.startswith(os.path.join(tempfile.gettempdir(), "accelbench-"))  # noqa: PTH118
    assert package != accelbench.__file__
    assert not Path(package).parents[1].exists()
    assert there.told("workload") == [str(there.workload)]
    assert there.told("env") == ['it\'s "c//d" $HOME']
    eventually(lambda: not there.watching(), "the end of the shell that waited")


@pytest.fixture
def unseen(there: There, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `there` by a name that only this process has for it."""
    monkeypatch.chdir(there.folder)
    there.workload = Path("/proc/self/cwd/alpha.py")
    return Path("/proc/self/cwd")


def test_a_workload_that_is_not_there_is_sent(there: There, unseen: Path) -> None:
    assert there.follow(there.start(), there.job()) == "result"
    (path,) = there.told("workload")
    assert path.endswith("/workload/alpha.py")
    assert not Path(path).exists()


def test_noise_and_a_setup_there_are_survived(there: There) -> None:
    worker = there.start(setup="echo 'Loading module sdk'; printf 'no newline'; echo oops >&2")
    assert there.follow(worker, there.job()) == "result"
    text = there.log.read_text()
    assert "Loading module sdk\n" in text
    assert "no newline" in text
    assert "oops" in text
    assert "accelbench-worker-ready" not in text


def test_a_small_data_set_is_sent_where_it_is_missing(there: There, unseen: Path) -> None:
    digits = data.prepare(data.dataset("digits"), there.folder, (8, 8))
    job = there.job(replace(digits, directory=str(unseen / "decoded" / "digits-8x8")))
    assert there.follow(there.start(), job) == "result"
    where, _, names = there.told("data")[0].partition(" ")
    assert where.endswith("/data")
    assert not Path(where).exists()
    assert names == str(sorted(each.name for each in Path(digits.directory).iterdir()))


def test_a_data_set_is_found_there_by_its_fingerprint(there: There, unseen: Path) -> None:
    digits = data.prepare(data.dataset("digits"), there.folder, (8, 8))
    other = data.prepare(data.dataset("digits"), there.folder / "other", (8, 8))
    job = there.job(replace(digits, directory=str(unseen / "decoded" / "digits-8x8")))
    env = (("ACCELBENCH_DATA", str(there.folder / "other")),)
    assert there.follow(there.start(env=env), job) == "result"
    (Path(other.directory) / "index.json").write_text('{"fingerprint": "another"}')
    assert there.follow(there.start(env=env), job) == "result"
    found, sent = (text.split()[0] for text in there.told("data"))
    assert found == other.directory
    assert sent.endswith("/data")


def test_a_large_data_set_that_is_not_there_is_named_with_its_place(
    there: There, unseen: Path
) -> None:
    digits = data.prepare(data.dataset("digits"), there.folder, (8, 8))
    with (Path(digits.directory) / "train_images.npy").open("ab") as file:
        file.truncate(LARGEST_BYTES + 2**20)
    directory = str(unseen / "decoded" / "digits-8x8")
    worker = there.start()
    with pytest.raises(AttachError) as caught:
        worker.attach(there.job(replace(digits, directory=directory)))
    worker.end()
    message = str(caught.value)
    assert message.startswith("there: data set digits is not there, and its 9 MiB are not sent")
    assert f":{directory} to the same place, or to the folder decoded in ACCELBENCH_DATA" in message


@pytest.mark.parametrize(
    ("options", "host", "words"),
    [
        (("-o", "UserKnownHostsFile=/dev/null"), "there", "Host key verification failed."),
        (("-p", "1"), "there", "Connection refused"),
        (("-o", "HostName=no-such-host.invalid"), "there", "ssh: Could not resolve hostname"),
        (("-o", "IdentityFile={stranger}"), "there", "Permission denied (publickey)"),
    ],
    ids=["unknown host key", "no server", "no such host", "refused key"],
)
def test_a_host_that_lets_nobody_in_is_named_in_sshs_own_words(
    there: There, server: Server, options: tuple[str, ...], host: str, words: str
) -> None:
    stranger = str(server.config.parent / "stranger")
    chosen = tuple(option.format(stranger=stranger) for option in options)
    if "IdentityFile" in str(options):  # the configuration's own key would be tried too
        text = server.config.read_text().replace("/user\n", "/stranger\n")
        config = there.folder / "ssh_config"
        config.write_text(text)
        chosen = ()
    else:
        config = server.config
    start = time.monotonic()
    worker = there.start(ssh_options=("-F", str(config), *chosen), ssh=(host,))
    with pytest.raises(AttachError) as caught:
        worker.attach(there.job())
    worker.end()
    message = str(caught.value)
    assert message.startswith(f"ssh {host}: ")
    assert words in message
    assert "\n" not in message
    assert time.monotonic() - start < 30


def test_the_end_of_a_hanging_worker_takes_all_of_it_along_there(
    there: There, eventually: Wait
) -> None:
    worker = hanging(there, eventually, "hang in C")
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        assert len(there.running()) >= 5
        worker.end()
        left = [p for p in there.running() if "ACCELBENCH_GUARD_ID" in p.environ()]
        assert left == []  # not eventually: the next run may have the device at once
        assert bystander.poll() is None
        bystander.kill()


def test_a_worker_that_is_killed_from_here_leaves_nothing_there(
    there: There, eventually: Wait
) -> None:
    worker = hanging(there, eventually, "hang in C")
    worker.kill()
    assert worker.exit_text() == "connection to there lost"
    eventually(lambda: there.running() == [], "the end of all processes")
    worker.end()


def test_a_connection_that_the_server_ends_is_named(there: There, eventually: Wait) -> None:
    worker = hanging(there, eventually, "hang")
    (ssh,) = [p for p in psutil.Process().children() if p.name() == "ssh"]
    (port,) = [c.laddr.port for c in ssh.net_connections()]
    for process in psutil.process_iter():
        if process.name() == "sshd" and _serves(process, port):
            process.kill()
    assert worker.exit_text() == "connection to there lost"
    eventually(lambda: there.running() == [], "the end of all processes")
    worker.end()


def _serves(process: psutil.Process, port: int) -> bool:
    """Tell whether a process of sshd holds the connection from a port."""
    return any(c.raddr and c.raddr.port == port for c in process.net_connections())


@pytest.mark.parametrize(
    ("mode", "how"), [("die", "killed by signal 11"), ("exit", "exit status 7")]
)
def test_a_worker_that_ends_itself_there_says_how(there: There, mode: str, how: str) -> None:
    worker = there.start()
    channel = worker.attach(there.job(mode=mode))
    with suppress(EOFError):
        while channel.receive(timeout=60):
            pass
    assert worker.exit_text() == how
    worker.end()


def test_a_setup_that_hangs_there_is_ended_with_its_session(there: There, eventually: Wait) -> None:
    worker = there.start(setup="setsid sleep 1000 & echo waiting >&2; sleep 1000")
    eventually(lambda: "waiting" in there.log.read_text(), "the setup")
    worker.kill()
    with pytest.raises(AttachError):
        worker.attach(there.job())
    worker.end()


def test_a_missing_interpreter_there_is_named(there: There) -> None:
    worker = there.start(command=("/nonexistent/python",))
    with pytest.raises(AttachError, match=r"the interpreter ended at once \(exit status 127\)"):
        worker.attach(there.job())
    worker.end()
    assert "/nonexistent/python" in there.log.read_text()


# ------------------------------------------------------------------------- sessions and commands
HANGS = (
    'subprocess.Popen(["sh", "-c", "trap \'\' INT TERM; setsid sleep 1000 & sleep 1000"])\n'
    '(HERE / "started").touch()\nctypes.PyDLL(None).sleep(1000)'
)


@pytest.fixture
def remote_checkout(checkout: Checkout, server: Server) -> Checkout:
    """A checkout whose cpu is reached through ssh; what runs there can be told by its locks."""
    checkout.configure(server.table(ACCELBENCH_LOCKS=str(checkout.locks)))
    checkout.workload("good")
    return checkout


def test_a_session_trains_there_as_here(
    remote_checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    remote_checkout.tests()
    done = remote_checkout.pytest(*parallel)
    assert done.status == 0, done.text
    assert "1 run" in done.out


def test_a_single_run_there_says_where_it_is_held(remote_checkout: Checkout) -> None:
    done = remote_checkout.accelbench("devices", "--explain", "cpu")
    assert "host         there" in done.out
    assert "units        there/cpu (lock files in " in done.out
    here = remote_checkout.accelbench("devices").out.splitlines()[0]
    assert here.split(maxsplit=1)[1] == done.out.partition("found        ")[2].splitlines()[0]


def test_an_absent_host_skips_with_sshs_words_and_where_required_fails(
    remote_checkout: Checkout, server: Server
) -> None:
    remote_checkout.configure(server.table().replace('"-F"', '"-p", "1", "-F"'))
    remote_checkout.tests()
    done = remote_checkout.pytest("-rs")
    assert done.status == 0
    assert "SKIPPED" in done.out
    assert "cpu: there: ssh: connect to host 127.0.0.1 port 1: Connection refused" in done.out
    required = remote_checkout.pytest("--require-device", "cpu")
    assert required.status == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_session_leaves_nothing_there(
    remote_checkout: Checkout, eventually: Wait, number: signal.Signals
) -> None:
    remote_checkout.workload("hangs", step=HANGS)
    process = remote_checkout.start(remote_checkout.command("run", "hangs"))
    eventually(
        lambda: remote_checkout.started.exists() or process.poll() is not None, "the training"
    )
    os.killpg(process.pid, number)
    remote_checkout.finish(process)
    eventually(lambda: remote_checkout.leftovers() == [], "the end of all processes")
