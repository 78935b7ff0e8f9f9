"""The original CIFAR-10: one archive of plain bytes, checked before it is read."""

from __future__ import annotations

import functools
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from accelbench.data import DataDamagedError, DataMissingError, cifar10
from accelbench.data.dataset import sha256

EACH = 7
"""Images a file of the small archive; the real one has 10,000."""


def small(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write an archive of the real one's form; return its 42 images, colour first, and labels."""
    draw = np.random.RandomState(0)
    images = draw.randint(0, 256, (6 * EACH, 3, 32, 32)).astype(np.uint8)
    labels = draw.randint(0, 10, 6 * EACH).astype(np.uint8)
    records = np.concatenate([labels[:, None], images.reshape(6 * EACH, -1)], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for number, name in enumerate((*cifar10.TRAIN, *cifar10.TEST)):
            content = records[number * EACH : (number + 1) * EACH].tobytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return images, labels


def test_a_missing_archive_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as caught:
        cifar10.decode(tmp_path, (32, 32))
    assert str(caught.value) == (
        f"data set cifar10 is not in {tmp_path} (cifar10/cifar-10-binary.tar.gz is missing): "
        "run `accelbench data fetch cifar10`, or set ACCELBENCH_DATA to where it lies"
    )


def test_an_archive_of_another_hash_is_never_opened(tmp_path: Path) -> None:
    small(tmp_path / cifar10.ARCHIVE)
    with pytest.raises(DataDamagedError, match="not c4a38c50a1bc…: delete it and run `accelbench"):
        cifar10.decode(tmp_path, (32, 32))


def test_images_and_labels_come_in_the_archives_order_with_colour_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = small(tmp_path / cifar10.ARCHIVE)
    monkeypatch.setattr(cifar10, "SHA256", sha256(tmp_path / cifar10.ARCHIVE))
    found = cifar10.decode(tmp_path, (32, 32))
    last = np.moveaxis(images, 1, 3)
    assert np.array_equal(found["train_images"], last[: 5 * EACH])
    assert np.array_equal(found["test_images"], last[5 * EACH :])
    assert np.array_equal(found["train_labels"], labels[: 5 * EACH])
    assert np.array_equal(found["test_labels"], labels[5 * EACH :])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server on this machine that offers a small archive."""
    small(tmp_path / "there" / "cifar.tar.gz")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(tmp_path / "there"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/cifar.tar.gz"
        serving.shutdown()
        thread.join()


def test_fetching_lays_the_archive_where_it_is_decoded_from(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    monkeypatch.setattr(cifar10, "URL", server)
    cifar10.fetch(tmp_path / "here")
    fetched = tmp_path / "here" / cifar10.ARCHIVE
    assert fetched.read_bytes() == (tmp_path / "there" / "cifar.tar.gz").read_bytes()
