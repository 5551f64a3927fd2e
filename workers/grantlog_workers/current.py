"""The worker process that this is, once it has forked."""

from grantlog_workers.process import WorkerProcess

process: WorkerProcess | None = None


def running() -> WorkerProcess:
    """The process's loop and service. Raises RuntimeError outside a worker."""
    if process is None:
        raise RuntimeError("tasks run in a worker process only")
    return process
