"""Inside the SDK's interpreter, which does not have accelbench: batches from what was pickled.

Takes what the SDK pickled on the user's node, unpickles it as a cluster's worker does, and prints
what it streams: as on the user's node, then as each worker of a cluster. Arguments: a file, the
number of CSX, the number of workers for each.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def placed(wse: int, worker: int, boxes: int, workers: int) -> Any:  # noqa: ANN401  # a module
    """Return cerebras.pytorch.distributed as it answers on one of a cluster's workers.

    The batch is split over the CSX as evenly as it can be, the first ones taking one more.
    """
    tasks = [
        SimpleNamespace(rank=1 + box * workers + each, wse_id=box)
        for box in range(boxes)
        for each in range(workers)
    ]
    here = next(t for t in tasks if t.wse_id == wse and (t.rank - 1) % workers == worker)
    by_rank = {task.rank: task for task in tasks}
    spec = SimpleNamespace(task=lambda rank=None: by_rank[rank] if rank else here)
    resolver = SimpleNamespace(
        cluster_spec=spec, streamer_ordinals=lambda: [task.rank for task in tasks]
    )

    def size(batch: int, rank: int) -> int:
        return batch // boxes + (1 if by_rank[rank].wse_id < batch % boxes else 0)

    return SimpleNamespace(
        is_streamer=lambda: True, service_resolver=lambda: resolver, get_streaming_batch_size=size
    )


def streamed(file: str) -> dict[str, Any]:
    """Return (labels, their type, sums of pixels) of every batch that this process streams."""
    client = importlib.import_module("cerebras.appliance.appliance_client")
    function, arguments = (
        client.fw_user_deserialize(text, name, from_usr=True)
        for text, name in zip(json.loads(Path(file).read_text()), ("function", "args"), strict=True)
    )
    loader = function(*arguments[0], **arguments[1])
    found = [
        (targets.tolist(), str(targets.dtype), inputs.double().sum((1, 2, 3)).tolist())
        for inputs, targets in loader
    ]
    return {"length": len(loader), "batches": found}


def main(file: str, boxes: str, workers: str) -> None:
    """Print what is streamed here, and by each worker in turn: f"{box} {worker}"."""
    assert importlib.util.find_spec("accelbench") is None
    told = {"here": streamed(file)}
    for box in range(int(boxes)):
        for worker in range(int(workers)):
            answers = placed(box, worker, int(boxes), int(workers))
            sys.modules["cerebras.pytorch"] = SimpleNamespace(  # type: ignore[assignment]  # what is asked of it
                distributed=answers
            )
            told[f"{box} {worker}"] = streamed(file)
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
