"""Inside the SDK's interpreter: a management server with jobs, and the SDK's client beside it.

Its two services are the SDK's own, of which it implements what listing and cancelling ask for.
Arguments: this package's cerebras_jobs.py, the run to cancel, a certificate to send with it. Prints
what was cancelled.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

PB = "cerebras.appliance.pb.workflow.appliance.cluster_mgmt."
management = importlib.import_module(PB + "cluster_pb2")
management_grpc = importlib.import_module(PB + "cluster_pb2_grpc")
csctl = importlib.import_module(PB + "csctl.api_pb2")
csctl_grpc = importlib.import_module(PB + "csctl.api_pb2_grpc")
resources = importlib.import_module(PB + "csctl.v1.resources_pb2")
grpc = importlib.import_module("grpc")

JOBS = {
    "wsjob-ours-compile": "20260101T000000-abcdef-0123abcd",
    "wsjob-ours-execute": "20260101T000000-abcdef-0123abcd",
    "wsjob-another-run": "20260101T000000-abcdef-99999999",
}


class Management(management_grpc.ClusterManagementServicer):  # type: ignore[misc,name-defined]  # found by name
    """Remembers what was cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[tuple[str, str]] = []

    def GetServerConfig(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802  # the SDK's
        return management.GetServerConfigResponse()

    def IsMessageBrokerAvailable(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        return management.MessageBrokerAvailabilityCheckResponse()

    def CancelJobV2(self, request: Any, _context: Any) -> Any:  # noqa: ANN401,N802
        self.cancelled.append((request.job_id, request.message))
        assert request.job_status == management.JOB_STATUS_CANCELLED
        return management.CancelJobResponse(message="done")


class Csctl(csctl_grpc.CsCtlV1Servicer):  # type: ignore[misc,name-defined]  # as above
    """Lists jobs by their label."""

    def Get(self, request: Any, _context: Any) -> Any:  # noqa: ANN401,N802  # the SDK's
        wanted = dict(request.options.label_filters)
        assert request.type == "jobs"
        assert not request.options.all_states, "jobs that have ended cannot be cancelled"
        found = resources.JobList()
        for name, value in JOBS.items():
            if wanted == {"accelbench": value}:
                found.items.add().meta.name = name
        return csctl.GetResponse(raw=found.SerializeToString())


def main(source: str, run: str, certificate: str = "") -> None:
    """Serve, cancel by the command that a session would use, tell."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    ours = Management()
    management_grpc.add_ClusterManagementServicer_to_server(ours, server)
    csctl_grpc.add_CsCtlV1Servicer_to_server(Csctl(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    line = [sys.executable, "-c", Path(source).read_text(encoding="utf-8")]
    done = subprocess.run(
        [*line, run, f"localhost:{port}", "ours", certificate],
        capture_output=True,
        text=True,
        check=False,
    )
    server.stop(None)
    told = {"status": done.returncode, "said": done.stdout, "errors": done.stderr[-2000:]}
    sys.stdout.write("\n" + json.dumps({**told, "cancelled": ours.cancelled}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
