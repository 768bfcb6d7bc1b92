"""FastAPI under uvicorn with several workers: `onewriter.logger` for everything.

What uvicorn and other libraries log through `logging` goes to `onewriter.logger`, too.
"""

import logging
import sys

import uvicorn
from fastapi import FastAPI, Request

from onewriter import logger

# Each worker runs this; they share the queue of the file.
logger.configure(
    handlers=[
        {
            "sink": "shop.log",
            "format": "{level} {name} {message} {extra}",
            "rotation": "100 MB",
            "retention": 7,
            "enqueue": True,
        }
    ]
)


class ToLogger(logging.Handler):
    def emit(self, record):
        try:
            level = logger.level(record.levelname).name
        except ValueError:  # one that only `logging` knows
            level = record.levelno
        place = {"name": record.name, "function": record.funcName, "line": record.lineno}
        placed = logger.patch(lambda it: it.update(place))
        placed.opt(exception=record.exc_info).log(level, "{}", record.getMessage())


logging.basicConfig(handlers=[ToLogger()], level=logging.INFO, force=True)

app = FastAPI()


@app.middleware("http")
async def name_the_request(request: Request, call_next):
    with logger.contextualize(request=request.headers.get("x-request-id", "-")):
        return await call_next(request)


@app.get("/tea/{who}")
async def tea(who: str):
    logger.info("tea for {}", who)
    return {"tea": who}


@app.get("/oven")
def oven():
    logger.warning("the oven is cold")
    return {}


if __name__ == "__main__":
    # log_config=None: uvicorn sets up no handlers of its own.
    uvicorn.run("fastapi_app:app", port=int(sys.argv[1]), workers=2, log_config=None)
