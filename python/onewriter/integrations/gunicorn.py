"""gunicorn: `logger_class = "onewriter.integrations.gunicorn.Logger"`."""

from __future__ import annotations

import gunicorn.glogging

from onewriter._files import OverFileQueue


class Logger(gunicorn.glogging.Logger):
    """gunicorn's own logger, whose SIGUSR1 reopens the files of `onewriter.handlers` as well.

    It is configured as ever (`logconfig_dict`, `accesslog`, ...). Without it a file that was moved
    away is noticed too, a little later.
    """

    def reopen_files(self) -> None:
        """Opens all log files anew: what master and workers log from now on is in new files."""
        super().reopen_files()
        for log in gunicorn.glogging.loggers():
            for handler in log.handlers:
                if isinstance(handler, OverFileQueue):
                    handler.reopen()
