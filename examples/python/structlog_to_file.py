"""structlog: rendered lines go straight into the queue of a file."""

import multiprocessing

import structlog

from onewriter.integrations.structlog import LoggerFactory

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(sort_keys=True),
    ],
    logger_factory=LoggerFactory("shop.log", rotate_size=100_000_000, keep=7, compression="gz"),
)
log = structlog.get_logger()


def work(number):
    with structlog.contextvars.bound_contextvars(worker=number):
        log.info("order placed", total=19.9)


if __name__ == "__main__":
    log.info("begin")
    for number in (1, 2):
        child = multiprocessing.get_context("spawn").Process(target=work, args=(number,))
        child.start()
        child.join()
    log.error("end")
