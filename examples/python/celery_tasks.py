"""Celery: `celery -A celery_tasks worker` logs to one file, from the main process and the pool."""

import logging.config
import signal

from celery import Celery
from celery.signals import setup_logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # It asks Celery for the task that runs: the line is made where the record is logged.
        "task": {
            "()": "celery.app.log.TaskFormatter",
            "fmt": "%(levelname)s %(task_name)s %(message)s",
            "use_color": False,
        },
    },
    "handlers": {
        "file": {
            "class": "onewriter.handlers.FileHandler",
            "filename": "shop.log",
            "formatter": "task",
        },
    },
    "root": {"level": "INFO", "handlers": ["file"]},
}


@setup_logging.connect
def set_up_logging(**_):
    """That somebody listens to this signal keeps Celery from setting up logging itself."""
    logging.config.dictConfig(LOGGING)


log = logging.getLogger("shop")

app = Celery("shop", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "broker",
    "data_folder_out": "broker",
    "control_folder": "control",
}


@app.task(name="bake")
def bake(cake):
    log.info("baking %s", cake)
    return cake


@app.task(name="stuck", time_limit=1)
def stuck():
    log.info("waiting for the oven")
    # Not even SIGTERM ends it: Celery has to kill its process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    while True:
        signal.pause()
