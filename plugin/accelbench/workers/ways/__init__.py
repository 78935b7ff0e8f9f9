"""One file per way to train, each with `start(job, workload, params, phase) -> Engine`."""
