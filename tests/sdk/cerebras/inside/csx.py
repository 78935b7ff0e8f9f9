"""Inside the SDK's interpreter: a training on a CSX, up to what a stand-in cluster can answer.

The cluster's management server takes the SDK's real client through the image, the compile job and
its queue, keeps the job waiting for a second, and then has it cancelled by hand. Prints what the
client asked for, the phases that the session heard, and how the training ended. Arguments: the
workload file, a folder with decoded digits.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

from accelbench import ways
from accelbench.records import DataFiles, Job, RunSpec
from accelbench.workers.clock import PhaseClock
from accelbench.workers.loop import Progress
from accelbench.workers.meeting import Meeting
from accelbench.workers.task import Reporting, perform
from accelbench.workers.watchdog import RUN_VARIABLE

if TYPE_CHECKING:
    from tests.sdk.cerebras.inside import cluster_standin as cluster
else:
    import cluster_standin as cluster

QUEUED_SECONDS = 1.0
management = cluster.management


class Cluster(cluster.Management):
    """Takes one compile job, lets it wait, and tells that somebody cancelled it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, Any] = {}

    def InitImageBuildJob(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802  # the SDK's
        return management.ImageBuildResponse(image_reference="worker", image_ready=True)

    def InitCompileJob(self, request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        self.asked = json.loads(request.debug_args_json)["debugMgr"]
        return management.CompileJobResponse(
            job_id="wsjob-1", workflow_id="wflow-1", log_path="/nowhere"
        )

    def PollIngressV2(self, _request: Any, _context: Any) -> Iterator[Any]:  # noqa: ANN401,N802
        yield management.GetIngressResponse(message="job is queueing")
        time.sleep(QUEUED_SECONDS)
        yield management.GetIngressResponse(message="gone", is_scheduled=True, job_failed=True)

    def GetJob(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        return management.GetJobResponse(
            status=management.JOB_STATUS_CANCELLED, message="canceled-by-csctl by somebody"
        )

    def GetServerVersions(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        return management.GetServerVersionsResponse()

    def CancelJobV2(self, request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        self.cancelled.append((request.job_id, request.message))
        return management.CancelJobResponse(message="done")

    def GetJobEvents(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        return management.GetJobEventsResponse()


class Nodes(cluster.Csctl):
    """Has no nodes to tell of."""

    def Get(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802  # the SDK's
        return cluster.csctl.GetResponse()


def main(workload: str, folder: str) -> None:
    """Serve, train, tell."""
    server = cluster.grpc.server(futures.ThreadPoolExecutor(8))
    ours = Cluster()
    cluster.management_grpc.add_ClusterManagementServicer_to_server(ours, server)
    cluster.csctl_grpc.add_CsCtlV1Servicer_to_server(Nodes(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    os.environ[RUN_VARIABLE] = "20260101T000000-abcdef/0123abcd/0123456789abcdef"
    given = (
        ("automount", False),
        ("disable_version_check", True),
        ("job_labels", ("team=wafers",)),
        ("job_priority", "p3"),
        ("mgmt_address", f"localhost:{port}"),
        ("mgmt_namespace", "ours"),
    )
    options = ways.way("cerebras").options(given)
    spec = RunSpec("softmax", "cerebras", "torch", "digits", 3, 2)
    data = DataFiles("digits", "", folder)
    job = Job(spec, workload, "cerebras", data, platform="cerebras", options=options)
    heard: list[str] = []
    clock = PhaseClock(heard.append)
    told: dict[str, Any] = {}
    try:
        perform(job, Reporting(clock, Progress(), lambda _: None, Meeting(None, print)))
    except Exception as error:
        told = {"error": type(error).__name__, "state": getattr(error, "run_state", "")}
    clock.stop()
    left = [name for name in os.listdir(os.environ["TMPDIR"]) if "cerebras" in name]  # noqa: PTH208
    told.update(heard=heard, seconds=clock.seconds, asked=ours.asked, left=left)
    told["cancelled"] = ours.cancelled
    sys.stdout.write("\n" + json.dumps(told) + "\n")
    sys.stdout.flush()
    server.stop(None)
    os._exit(0)  # the client's threads wait for a server that is gone


if __name__ == "__main__":
    main(*sys.argv[1:])
