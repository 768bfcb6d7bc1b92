"""A WSGI application that logs; one of its pages never comes."""

import logging
import signal

log = logging.getLogger("shop")
log.info("loaded")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    log.info("asked for %s", path)
    if path == "/stuck":
        # Not even SIGABRT ends it: gunicorn has to kill this worker.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT})
        while True:
            signal.pause()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"tea\n"]
