"""Inside the SDK's interpreter: pickles the function that makes batches as the SDK does.

Arguments: the file to write, the job as JSON, the part as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from accelbench import codec
from accelbench.records import Job
from accelbench.workers import cerebras_input
from accelbench.workers.cerebras_data import Part


def main(file: str, job: str, part: str) -> None:
    """Write both texts that would travel to the cluster; print how long they are."""
    client = importlib.import_module("cerebras.appliance.appliance_client")
    function, *arguments = cerebras_input.request(codec.loads(Job, job), Part(**json.loads(part)))
    texts = [
        client.fw_user_serialize(function, name="function", from_usr=True, recurse=True),
        client.fw_user_serialize((tuple(arguments), {}), name="args", from_usr=True, recurse=True),
    ]
    Path(file).write_text(json.dumps(texts), encoding="utf-8")
    sys.stdout.write("\n" + json.dumps([len(text) for text in texts]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
