"""uvicorn with several workers, which are spawned, and one file for all their records."""

import logging
import sys

import uvicorn

log = logging.getLogger("shop")

LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(levelname)s %(name)s %(message)s"},
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": "%(levelname)s access %(request_line)s %(status_code)s",
            "use_colors": False,
        },
    },
    "handlers": {
        "file": {
            "class": "onewriter.handlers.FileHandler",
            "filename": "shop.log",
            "formatter": "line",
        },
        "access": {
            "class": "onewriter.handlers.FileHandler",
            "filename": "shop.log",
            "formatter": "access",
        },
    },
    "root": {"level": "INFO", "handlers": ["file"]},
    "loggers": {"uvicorn.access": {"handlers": ["access"], "propagate": False}},
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    log.info("asked for %s", scope["path"])
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"tea\n"})


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run("uvicorn_workers:app", port=port, workers=2, lifespan="off", log_config=LOG_CONFIG)
