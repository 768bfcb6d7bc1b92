"""What users of other loggers have met with many processes: spawned workers, rotation, dictConfig.

Each test is named after the issue; docs/complaints-python.md has them all.
"""

from __future__ import annotations

import re

import pytest

from conftest import Workplace


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_loguru_746_498_and_670_a_logger_goes_to_workers_whatever_its_sinks_are(
    workplace: Workplace, method: str
):
    code = """
import multiprocessing, os, sys
from onewriter import logger

def is_loud(record):
    return record["level"].no > 10

def work(log):
    log.bind(worker=1).info("worker")
    log.debug("left out")

if __name__ == "__main__":
    logger.remove()
    loud = dict(format="{message}", enqueue=True, filter=is_loud)
    logger.add(lambda message: os.write(1, f"one {message}".encode()), **loud)
    logger.add(lambda message: os.write(1, f"two {message}".encode()), **loud)
    logger.info("parent")
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(logger,))
    child.start()
    child.join()
    assert child.exitcode == 0
    logger.info("parent again")
"""
    lines = workplace.program(code, method).splitlines()
    for sink in ("one", "two"):
        own = [line for line in lines if line.startswith(sink)]
        assert own == [f"{sink} {text}" for text in ("parent", "worker", "parent again")]
    assert len(lines) == 6


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_loguru_102_a_method_of_the_logger_is_the_work_of_a_pool(
    workplace: Workplace, method: str
):
    code = """
import multiprocessing, sys
from onewriter import logger
if __name__ == "__main__":
    logger.remove()
    logger.add("shop.log", format="{message}", enqueue=True)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        pool.map(logger.info, map(str, range(50)))
"""
    assert workplace.program(code, method) == ""
    assert sorted(workplace.log("shop.log"), key=int) == [str(number) for number in range(50)]


def test_loguru_974_and_1428_the_start_method_is_set_after_a_handler_was_added(
    workplace: Workplace,
):
    code = """
import multiprocessing
from onewriter import logger
def work(log):
    log.reinstall()
    from onewriter import logger
    logger.info("worker")
if __name__ == "__main__":
    logger.remove()
    logger.add(lambda message: print(message, end="", flush=True), format="{message}", enqueue=True)
    multiprocessing.set_start_method("spawn")
    child = multiprocessing.Process(target=work, args=(logger,))
    child.start()
    child.join()
"""
    assert workplace.program(code) == "worker\n"


ROTATES = """
import logging, multiprocessing, sys
from onewriter import handlers, logger

def log_with(kind):
    if kind == "logger":
        logger.remove()
        logger.add("shop.log", format="{message}", enqueue=True, rotation="10 KB")
        return logger.info
    if kind == "rotating":
        handler = handlers.RotatingFileHandler("shop.log", maxBytes=10_000, backupCount=1000)
    else:
        handler = handlers.ConcurrentRotatingFileHandler(
            "shop.log", maxBytes=10_000, backupCount=1000
        )
    logging.basicConfig(handlers=[handler], level=logging.INFO, format="%(message)s")
    return logging.info

def work(kind, worker):
    log = log_with(kind)
    for number in range(500):
        log(f"{worker} {number:04} {'x' * 80}")

if __name__ == "__main__":
    method, kind = sys.argv[1:]
    if method == "fork":
        log_with(kind)
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=work, args=(kind, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""


@pytest.mark.parametrize(
    ("method", "kind"),
    [("fork", "logger"), ("fork", "rotating"), ("spawn", "concurrent")],
)
def test_loguru_365_and_1216_and_clh_8_a_file_of_many_processes_rotates_once_and_loses_nothing(
    workplace: Workplace, method: str, kind: str
):
    assert workplace.program(ROTATES, method, kind) == ""
    newest = workplace.log("shop.log")
    older = [path for path in workplace.folder.glob("shop*log*") if path.name != "shop.log"]
    files = [path.read_text().splitlines() for path in older]
    # 2,000 lines of 88 bytes: each file is as full as it may be, so nobody rotated in vain.
    assert {len(lines) for lines in files} == {10_000 // 88 if kind != "rotating" else 113}
    lines = [line for lines in [*files, newest] for line in lines]
    assert sorted(lines) == [
        f"{worker} {number:04} {'x' * 80}" for worker in range(4) for number in range(500)
    ]


def test_cpython_111615_119819_and_124653_dict_config_takes_queues_of_any_kind(
    workplace: Workplace,
):
    code = """
import logging.config, multiprocessing, queue
import onewriter
from onewriter.handlers import FileHandler, QueueListener

class Own:
    # Neither one of the standard library's nor a subclass.
    def __init__(self, **settings):
        self.kept = queue.Queue(**settings)
    def put_nowait(self, record):
        self.kept.put_nowait(record)
    def put(self, record):
        self.kept.put(record)
    def get(self, block=True):
        return self.kept.get(block)

def check(made):
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"queue": {"()": "onewriter.handlers.QueueHandler", "queue": made}},
        "root": {"level": "INFO", "handlers": ["queue"]},
    })
    (handler,) = logging.root.handlers
    with QueueListener(handler.queue, FileHandler("shop.log")):
        logging.info("%s %d", "order", 7)

if __name__ == "__main__":
    with multiprocessing.Manager() as manager:
        for made in (
            multiprocessing.Queue(),
            multiprocessing.JoinableQueue(),
            manager.Queue(),
            queue.SimpleQueue(),
            onewriter.Queue(),
            Own(),
            {"()": Own, "maxsize": 3},
        ):
            check(made)
"""
    assert workplace.program(code) == ""
    assert workplace.log("shop.log") == ["order 7"] * 7


def test_loguru_573_a_function_as_sink_sees_what_child_processes_log(workplace: Workplace):
    code = """
import multiprocessing
from onewriter import logger
seen = []
logger.remove()
logger.add(seen.append, format="{message}", enqueue=True)
child = multiprocessing.get_context("fork").Process(target=logger.info, args=("child",))
child.start()
child.join()
logger.complete()
assert [(str(it), it.record["process"].id) for it in seen] == [("child\\n", child.pid)]
"""
    assert workplace.program(code) == ""


def test_clh_70_and_73_files_with_a_suffix_of_ones_own_are_kept_in_number(workplace: Workplace):
    code = """
import logging, sys
from onewriter.handlers import ConcurrentTimedRotatingFileHandler
class Own(ConcurrentTimedRotatingFileHandler):
    def finalize_handler_configuration(self):
        super().finalize_handler_configuration()
        self.suffix = "%Y%m%d-%H%M%S"
handler = Own("shop.log", when="D", maxBytes=50, backupCount=2)
for number in range(10):
    handler.handle(logging.makeLogRecord({"msg": f"{number} {'x' * 30}"}))
    handler.flush()
"""
    assert workplace.program(code) == ""
    names = sorted(path.name for path in workplace.folder.glob("shop.log*"))
    assert names[0] == "shop.log"
    assert len(names) == 3
    assert all(re.fullmatch(r"shop\.log\.\d{8}-\d{6}(\.\d+)?", name) for name in names[1:])
    assert workplace.log("shop.log") == [f"9 {'x' * 30}"]
