"""cifar10-jpeg: CIFAR-10's 60,000 images, 32 x 32 in colour, each re-encoded as JPEG.

Real images but not the original pixels, so a data set of its own: ROOT/cifar10-jpeg/{train,test}/
CLASS/NAME.jpg, 5,000 and 1,000 a class, as torchvision's ImageFolder reads them. There is nowhere
to fetch it from: whoever has such a folder lays it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench.data.dataset import DataDamagedError, DataMissingError, DataSet, Size, sha256

if TYPE_CHECKING:
    from accelbench.data.dataset import Images

NAME = "cifar10-jpeg"
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
PER_CLASS = {"train": 5000, "test": 1000}
SIDE = 32


def decode(root: Path, size: Size) -> dict[str, Images]:
    """Return the images (n, height, width, 3) and labels by sorted class name.

    The order is one of each class, then the next of each: the first n hold every class alike.
    The message names the folder or file that is missing, too much, unreadable or of another size.
    """
    from accelbench.data.resize import resize

    arrays: dict[str, Images] = {}
    for part in PER_CLASS:
        images, labels = _decoded(_files(root, part))
        arrays[f"{part}_images"] = resize(images, size)
        arrays[f"{part}_labels"] = labels
    return arrays


def identify(root: Path, size: Size) -> str:
    """Return the fingerprint: 16 hex digits over the encoded files, their order, and the size.

    Not over the decoded pixels: libraries that decode JPEG may differ by one step of 255, and two
    machines would then share no baseline over a difference that no training can show.
    """
    digest = hashlib.sha256(f"{NAME} {size[0]}x{size[1]}\n".encode())
    for part in PER_CLASS:
        for path in _files(root, part):
            digest.update(f"{path.relative_to(root).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()[:16]


def _files(root: Path, part: str) -> list[Path]:
    """Return the files of a part in the data set's order, their number checked."""
    classes = [_class_files(root, part, name) for name in CLASSES]
    return [path for paths in zip(*classes, strict=True) for path in paths]


def _class_files(root: Path, part: str, name: str) -> list[Path]:
    folder, wanted = root / NAME / part / name, PER_CLASS[part]
    if not folder.is_dir():
        raise DataMissingError(
            f"data set {NAME} is not in {root} ({folder.relative_to(root)} is missing): nothing "
            f"fetches it; lay its folders {NAME}/{{train,test}}/CLASS/*.jpg there, or set "
            "ACCELBENCH_DATA to where they lie"
        )
    found = sorted(folder.glob("*.jpg"))
    if len(found) != wanted:
        raise DataDamagedError(
            f"{folder} holds {len(found)} .jpg files, not {wanted}{_gap(found)}: unpack {NAME} anew"
        )
    return found


def _gap(found: list[Path]) -> str:
    """Say which file is missing, where names are the numbers from 0 on."""
    names = {path.stem for path in found}
    width = min(map(len, names), default=0)
    numbered = (f"{number:0{width}d}" for number in range(len(found) + 1))
    missing = next((name for name in numbered if name not in names), None)
    return f" ({missing}.jpg is missing)" if missing and missing < max(names, default="") else ""


def _decoded(paths: list[Path]) -> tuple[Images, Images]:
    import numpy as np

    images = np.empty((len(paths), SIDE, SIDE, 3), np.uint8)
    for number, pixels in enumerate(_pixels(paths)):
        images[number] = pixels
    labels = np.arange(len(paths)) % len(CLASSES)
    return images, labels.astype(np.uint8)


def _pixels(paths: list[Path]) -> Iterator[Images]:
    """Yield the pixels of each file; DataDamagedError names one that is not a whole image."""
    import numpy as np

    try:
        from PIL import Image
    except ImportError:
        raise DataMissingError(
            f"decoding {NAME} needs Pillow: pip install 'pytest-accelbench[torch]'"
        ) from None
    for path in paths:
        try:
            with Image.open(path, formats=("JPEG",)) as image:
                shape, mode = image.size, image.mode
                pixels = np.asarray(image)
        except (OSError, SyntaxError) as error:
            raise DataDamagedError(f"cannot read {path} ({error}): unpack {NAME} anew") from None
        if (shape, mode) != ((SIDE, SIDE), "RGB"):
            raise DataDamagedError(
                f"{path} is {shape[0]} x {shape[1]} {mode}, not {SIDE} x {SIDE} RGB: "
                f"unpack {NAME} anew"
            )
        yield pixels


DATASET = DataSet(
    name=NAME,
    classes=len(CLASSES),
    source="by hand",
    decode=decode,
    parts=tuple(Path(NAME, part, name) for part in PER_CLASS for name in CLASSES),
    size=(SIDE, SIDE),
    identify=identify,
)
