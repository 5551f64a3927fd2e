"""The Celery application: queues, limits, the schedule, and what a process opens after the fork.

``celery -A grantlog_workers.app worker`` (``grantlog worker``) and ``beat`` (``grantlog beat``).
"""

from typing import Any

from billiard import current_process
from celery import Celery, signals
from kombu.entity import Exchange, Queue

from grantlog.broker import PERIODIC_QUEUE, QUEUE, SOFT_TIME_LIMIT, TIME_LIMIT, common_settings, task_name
from grantlog.exposition import listen
from grantlog.logs import configure_logging
from grantlog.settings import Settings, SettingsError, read_settings
from grantlog_workers import current
from grantlog_workers.process import WorkerProcess
from grantlog_workers.schedule import PERIODS

TASKS = ("families", "notify", "logout", "deliver_logout", "expire", "audit", "rotate_keys")
"""One module each."""


def configured(settings: Settings) -> dict[str, Any]:
    """Every Celery setting. Raises SettingsError where there is no broker."""
    if settings.broker_url is None:
        raise SettingsError("GRANTLOG_BROKER_URL is missing")
    common = common_settings(settings.broker_url.get_secret_value())
    arguments = {"x-queue-type": "quorum"} if common["task_default_queue_type"] == "quorum" else {}
    return {
        **common,
        "task_queues": [_queue(name, arguments) for name in (QUEUE, PERIODIC_QUEUE)],
        # A task is acknowledged when it has ended; one whose process vanished, or that was killed for its time, comes again.
        # How often is counted in PostgreSQL (flows/jobs.py), because no broker counts it the same way.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_timeout": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": 1,
        # A child opens its connections before it takes work.
        "worker_proc_alive_timeout": 30.0,
        "worker_max_tasks_per_child": 10_000,
        "task_time_limit": TIME_LIMIT,
        "task_soft_time_limit": SOFT_TIME_LIMIT,
        "worker_soft_shutdown_timeout": 20.0,
        "worker_enable_soft_shutdown_on_idle": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        # Missed slots are found by the next run, so beat keeps no file.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": {
            job: {
                "task": task_name(job),
                # Twice a slot: a shot that is late must not skip one. Who claims the slot runs.
                "schedule": period / 2,
                # What nobody has taken in time would only find its slot gone.
                "options": {"queue": PERIODIC_QUEUE, "expires": period},
            }
            for job, period in PERIODS.items()
        },
    }


def _queue(name: str, arguments: dict[str, str]) -> Any:
    # As Celery makes a queue that a publisher names: exchange, queue and key are called the same.
    exchange = Exchange(name, type="direct")  # type: ignore[no-untyped-call]  # kombu's constructors have no types
    return Queue(name, exchange, name, queue_arguments=arguments)  # type: ignore[no-untyped-call]  # the same


SETTINGS = read_settings()
app = Celery("grantlog", include=[f"grantlog_workers.tasks.{name}" for name in TASKS])
app.conf.update(configured(SETTINGS))


@signals.setup_logging.connect(weak=False)
def _logging(**_: object) -> None:
    """Celery leaves logging to us when somebody listens to this signal."""
    configure_logging(SETTINGS.log_level, SETTINGS.worker_name)


@signals.worker_process_init.connect(weak=False)
def _open(**_: object) -> None:
    """In every child, after the fork."""
    current.process = WorkerProcess(SETTINGS, getattr(current_process(), "index", 0))


@signals.worker_process_shutdown.connect(weak=False)
def _close(**_: object) -> None:
    if current.process is not None:
        current.process.close()


@signals.beat_init.connect(weak=False)
def _beat(**_: object) -> None:
    """Beat shows its metrics, and fires every job once: a fresh installation need not wait for the first slot."""
    listen(SETTINGS.metrics_host, SETTINGS.metrics_port, SETTINGS.worker_name, lambda: True)
    for job, period in PERIODS.items():
        app.send_task(task_name(job), queue=PERIODIC_QUEUE, expires=period, retry=False)
