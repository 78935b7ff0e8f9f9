"""The jobs of one run on a Cerebras cluster: their label, and how they are cancelled by it.

Also run alone, as `python -c <this file> RUN ADDRESS NAMESPACE CERTIFICATE`, by a device's
interpreter on the host that its worker ran on, when a run did not end by itself: it needs the SDK
and nothing of this package. An empty ADDRESS, NAMESPACE or CERTIFICATE is the one of the cluster's
configuration. Where nothing runs it, the cluster ends a job by itself, some minutes after its
client is gone.
"""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from typing import Any, List

KEY = "accelbench"

_API = "cerebras.appliance.pb.workflow.appliance.cluster_mgmt.csctl."


def label(run_id: str) -> str:
    """Return a run's label as the SDK takes it, KEY=VALUE.

    A worker's own id is the run's with 16 hexadecimal digits of its process behind it. VALUE has at
    most 63 letters, digits, "-", "_" and ".", the first and the last a letter or a digit
    (cluster_config.py of cerebras_appliance 2.10); of a long id the end is kept, which names the
    run.
    """
    run = re.sub(r"[/@][0-9a-f]{16}$", "", run_id)
    value = re.sub(r"[^A-Za-z0-9_.-]", "-", run)[-63:].strip("-_.")
    return KEY + "=" + (value or "unnamed")


def listed(client: Any, run_id: str) -> List[str]:  # noqa: ANN401  # the SDK's client
    """Return the ids of a run's jobs that have not ended."""
    api = importlib.import_module(_API + "api_pb2")
    resources = importlib.import_module(_API + "v1.resources_pb2")
    key, _, value = label(run_id).partition("=")
    answer = client.csctl_stub.Get(
        api.GetRequest(
            type="jobs",
            accept=api.PROTOBUF_METHOD,
            representation=api.OBJECT_REPRESENTATION,
            options=api.GetOptions(namespace=client.namespace, label_filters={key: value}),
        )
    )
    found = resources.JobList()
    found.ParseFromString(answer.raw)
    return [str(job.meta.name) for job in found.items]


def cancel(run_id: str, address: str = "", namespace: str = "", certificate: str = "") -> List[str]:
    """Cancel a run's jobs; return their ids."""
    cluster = importlib.import_module("cerebras.appliance.cluster.client")
    with tempfile.TemporaryDirectory(prefix="accelbench-") as folder:
        client = cluster.ClusterManagementClient(
            server=address or None,
            crt_file=certificate or None,
            namespace=namespace,
            workdir=folder,
        )
        with client:
            found = listed(client, run_id)
            for job in found:
                client.cancel_job(job, "JOB_STATUS_CANCELLED", "the accelbench run is gone")
    return found


if __name__ == "__main__":
    for each in cancel(*sys.argv[1:]):
        sys.stdout.write("cancelled " + each + "\n")
