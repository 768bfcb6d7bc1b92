"""Errors, accesses and the application's own records in one file: `gunicorn app:app`."""

workers = 2
preload_app = True
timeout = 30

logger_class = "onewriter.integrations.gunicorn.Logger"  # for SIGUSR1: new files at once
logconfig_dict = {
    "version": 1,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "file": {
            "class": "onewriter.handlers.FileHandler",
            "filename": "shop.log",
            "formatter": "line",
        },
    },
    "root": {"level": "INFO", "handlers": ["file"]},
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        "gunicorn.access": {"handlers": [], "propagate": True},
    },
}
access_log_format = "%(m)s %(U)s %(s)s"
