"""A launcher that behaves as srun does, where no Slurm is: `srun OPTION... COMMAND...`.

The command runs under a process that stands for the node's daemon: no child of the launcher's, in a
session of its own, and told of things after a moment, as over a network. Output is held back
without --unbuffered. The end of the input, SIGTERM and the exit status are handed on; but where the
launcher is killed, its task is left alone, its input still open.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

DELAY_SECONDS = 0.3
END, STOP = b"  end", b" stop"


def daemon(command: list[str], control: int, output: int) -> int:
    """Run the task; `control` brings END, STOP, or input behind its length; its end is nothing."""
    env = {**os.environ, "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, env=env, start_new_session=True
    )
    assert process.stdin is not None
    stdin, words = process.stdin, os.fdopen(control, "rb")

    def obey() -> None:
        while word := words.read(5):
            if word == END:
                stdin.close()
            elif word == STOP:
                process.terminate()
            else:
                stdin.write(words.read(int(word)))
                stdin.flush()

    threading.Thread(target=obey, daemon=True).start()
    status = process.wait()
    return status if status >= 0 else 128 - status


def detached(command: list[str], control: int, output: int, result: int) -> None:
    """Become the daemon, orphaned and in a session of its own."""
    os.setsid()
    if os.fork() == 0:
        os.write(result, b"%d" % daemon(command, control, output))
    os._exit(0)


def hand_on(control: int) -> None:
    """Hand the input and its end on."""
    while block := os.read(0, 2**12):
        os.write(control, b"%5d" % len(block) + block)
    time.sleep(DELAY_SECONDS)
    os.write(control, END)


def main(arguments: list[str]) -> int:
    options = [word for word in arguments if word.startswith("-")]
    command = arguments[arguments.index(next(a for a in arguments if not a.startswith("-"))) :]
    control, output, result = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        for ours in (control[1], output[0], result[0]):
            os.close(ours)
        detached(command, control[0], output[1], result[1])
    os.waitpid(child, 0)
    for theirs in (control[0], output[1], result[1]):
        os.close(theirs)
    signal.signal(signal.SIGTERM, lambda *_: os.write(control[1], STOP))
    threading.Thread(target=hand_on, args=(control[1],), daemon=True).start()
    held = b""
    while block := os.read(output[0], 2**16):
        held += block
        if "--unbuffered" in options:
            os.write(1, held)
            held = b""
    os.write(1, held)
    status = int(os.read(result[0], 10) or b"1")
    if status:
        sys.stderr.write(f"srun: error: n1: task 0: Exited with exit code {status}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
