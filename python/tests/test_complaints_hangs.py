"""What users of other loggers have waited for in vain: programs that hang.

Each test is named after the issue; docs/complaints-python.md has them all.
"""

from __future__ import annotations

import pytest

from conftest import Workplace

KEEPS = """
import multiprocessing, os, signal, sys, threading
from onewriter import logger

class Keeps(list):
    # A sink that is shut until it is opened.
    def __init__(self):
        super().__init__()
        self.entered, self.opened = threading.Event(), threading.Event()
    def __call__(self, message):
        self.entered.set()
        self.opened.wait()
        self.append(str(message))

def forked(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child

def wait_for(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

logger.remove()
"""


def test_loguru_1065_a_full_queue_and_a_fork_do_not_hang(workplace: Workplace):
    code = """
keeps = Keeps()
logger.add(keeps, format="{message}", enqueue=True, queue_size="64 KiB", catch=False)
text = "x" * 1000
def fill():
    for _ in range(300):
        logger.info(text)
thread = threading.Thread(target=fill)
thread.start()
keeps.entered.wait()
child = forked(lambda: logger.info("child"))
assert wait_for(child) == 0
keeps.opened.set()
thread.join()
logger.complete()
assert sorted(keeps) == ["child\\n"] + [text + "\\n"] * 300
"""
    assert workplace.program(KEEPS + code) == ""


def test_loguru_958_and_309_a_worker_that_is_killed_while_it_logs_stops_nobody(
    workplace: Workplace,
):
    code = """
keeps = Keeps()
keeps.opened.set()
logger.add(keeps, format="{message}", enqueue=True, catch=False)
logger.add("shop.log", format="{message}", enqueue=True, catch=False)

def log_for_ever(pipe):
    while True:
        logger.info("worker")
        pipe and os.write(pipe, b".")
        pipe = None

for number in range(10):
    reads, writes = os.pipe()
    child = forked(lambda: log_for_ever(writes))
    os.read(reads, 1)
    os.kill(child, signal.SIGKILL)
    assert wait_for(child) == -signal.SIGKILL
    logger.info("parent {}", number)
logger.complete()
logger.remove()
for lines in (keeps, open("shop.log").readlines()):
    mine = [line for line in lines if line != "worker\\n"]
    assert mine == [f"parent {number}\\n" for number in range(10)]
    assert len(lines) >= 20
"""
    assert workplace.program(KEEPS + code) == ""


def test_loguru_906_an_awaited_complete_with_a_queue_and_a_coroutine_sink_ends(
    workplace: Workplace,
):
    code = """
import asyncio
texts = []
async def sink(message):
    await asyncio.sleep(0)
    texts.append(str(message))
async def main():
    logger.add(sink, format="{message}", enqueue=True, catch=False)
    async def work(name):
        for number in range(20):
            logger.info("{} {}", name, number)
            await logger.complete()
    await asyncio.gather(*map(work, "abc"))
asyncio.run(main())
assert sorted(texts) == sorted(f"{name} {number}\\n" for name in "abc" for number in range(20))
"""
    assert workplace.program(KEEPS + code) == ""


def test_loguru_647_and_833_complete_ends_after_a_sink_has_failed(workplace: Workplace):
    code = """
texts = []
def sink(message):
    texts.append(str(message))
    if message == "bad\\n":
        raise OSError("disk")
logger.add(sink, format="{message}", enqueue=True, catch=False)
logger.info("bad")
logger.complete()
logger.info("good")
logger.complete()
logger.remove()
assert texts == ["bad\\n", "good\\n"]
"""
    assert "OSError: disk" in workplace.program(KEEPS + code)


def test_loguru_474_a_logger_and_logging_that_hand_records_to_each_other_come_to_an_end(
    workplace: Workplace,
):
    code = """
import logging
class ToLogging(logging.Handler):
    def emit(self, record):
        logging.getLogger(record.name).handle(record)
class ToLogger(logging.Handler):
    def emit(self, record):
        logger.info(record.getMessage())
logging.basicConfig(handlers=[ToLogger()], level=0)
texts = []
logger.add(lambda message: texts.append(str(message)), format="{message}")
logger.add(ToLogging(), format="{message}")
logger.info("one")
logging.info("two")
assert {"one\\n", "two\\n"} == set(texts)
"""
    assert "deadlock avoided" in workplace.program(KEEPS + code)


def test_cpython_91555_the_log_of_multiprocessing_itself_goes_through_the_queue(
    workplace: Workplace,
):
    code = """
import logging
from onewriter import Queue
from onewriter.handlers import FileHandler, QueueHandler, QueueListener
def work():
    multiprocessing.get_logger().info("worker")
    multiprocessing.get_logger().setLevel(logging.WARNING)
with QueueListener(Queue(), FileHandler("shop.log")) as listener:
    multiprocessing.get_logger().addHandler(QueueHandler(listener.queue))
    multiprocessing.get_logger().setLevel(logging.DEBUG)
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
lines = open("shop.log").read().splitlines()
assert "worker" in lines and "child process calling self.run()" in lines
"""
    assert workplace.program(KEEPS + code) == ""


@pytest.mark.parametrize("kind", ["file", "queue", "installed"])
def test_cpython_84272_and_12704_children_forked_while_threads_log_neither_hang_nor_lose(
    workplace: Workplace, kind: str
):
    code = """
import logging, onewriter
from onewriter import Queue
from onewriter.handlers import FileHandler, QueueHandler, QueueListener
kind, listener = sys.argv[1], None
if kind == "installed":
    onewriter.install("shop.log", format="%(message)s")
else:
    handler = FileHandler("shop.log")
    if kind == "queue":
        listener = QueueListener(Queue(), handler)
        listener.start()
        handler = QueueHandler(listener.queue)
    logging.basicConfig(handlers=[handler], level=logging.INFO, format="%(message)s")
stop = threading.Event()
counts = [0, 0]
def log(name):
    while not stop.is_set():
        logging.info("thread %d %d", name, counts[name])
        counts[name] += 1
threads = [threading.Thread(target=log, args=(name,)) for name in range(2)]
for thread in threads:
    thread.start()
for number in range(20):
    assert wait_for(forked(lambda: logging.info("child %d", number))) == 0
stop.set()
for thread in threads:
    thread.join()
if listener:
    listener.stop()
logging.shutdown()
lines = open("shop.log").read().splitlines()
for name in range(2):
    own = [line for line in lines if line.startswith(f"thread {name} ")]
    assert own == [f"thread {name} {number}" for number in range(counts[name])]
children = [line for line in lines if line.startswith("child")]
assert children == [f"child {number}" for number in range(20)]
assert len(lines) == sum(counts) + 20
"""
    assert workplace.program(KEEPS + code, kind) == ""


def test_cpython_87971_a_worker_whose_reader_is_killed_comes_to_its_end(workplace: Workplace):
    code = """
import logging
from onewriter import Queue
from onewriter.handlers import QueueHandler
reads, writes = os.pipe()
owner = os.fork()
if owner == 0:
    handler = QueueHandler(Queue())
    def work():
        while os.getppid() == parent:
            pass
        for number in range(100):
            handler.handle(logging.makeLogRecord({"msg": "x" * 1000}))
        os.write(writes, b"done")
    parent = os.getpid()
    forked(work)
    os.kill(parent, signal.SIGKILL)
assert wait_for(owner) == -signal.SIGKILL
assert os.read(reads, 4) == b"done"
"""
    assert workplace.program(KEEPS + code) == ""


def test_cpython_85927_a_child_ends_though_nobody_reads_what_it_has_put(workplace: Workplace):
    code = """
from onewriter import Queue
def work(queue):
    for number in range(500):
        queue.put("x" * 1000)
if __name__ == "__main__":
    queue = Queue()
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(queue,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert [len(queue.get()) for _ in range(500)] == [1000] * 500
"""
    for method in ("fork", "spawn"):
        assert workplace.program(KEEPS + code, method) == ""


def test_opentelemetry_4635_and_routstr_696_dict_config_waits_for_no_handler_of_ours(
    workplace: Workplace,
):
    code = """
import logging, logging.config, itertools
numbers = itertools.count()
class Asks(logging.Formatter):
    # Needs the lock of `logging`, as who logs for the first time does.
    def format(self, record):
        logging.getLogger(f"new.{next(numbers)}").setLevel("INFO")
        return super().format(record)
def configure():
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"asks": {"()": Asks}},
        "handlers": {
            "file": {
                "class": "onewriter.handlers.FileHandler",
                "filename": "shop.log",
                "formatter": "asks",
            },
            "queue": {"()": "onewriter.handlers.QueueHandler", "handlers": ["file"]},
        },
        "root": {"level": "INFO", "handlers": ["queue", "file"]},
    })
    logging.root.handlers[0].listener.start()
configure()
stop = threading.Event()
def log():
    while not stop.is_set():
        logging.getLogger("shop").info("order")
threads = [threading.Thread(target=log) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(20):
    configure()
stop.set()
for thread in threads:
    thread.join()
"""
    assert workplace.program(KEEPS + code) == ""


def test_ocr_d_1304_and_multiprocessing_logging_26_stop_ends_though_workers_were_killed(
    workplace: Workplace,
):
    code = """
import logging
from onewriter import Queue
from onewriter.handlers import QueueHandler, QueueListener
queue = Queue()
listener = QueueListener(queue, logging.StreamHandler(open("shop.log", "w")))
listener.start()
handler = QueueHandler(queue)
def log_for_ever(pipe):
    while True:
        handler.handle(logging.makeLogRecord({"msg": "worker"}))
        pipe and os.write(pipe, b".")
        pipe = None
for number in range(5):
    reads, writes = os.pipe()
    child = forked(lambda: log_for_ever(writes))
    os.read(reads, 1)
    os.kill(child, signal.SIGKILL)
    assert wait_for(child) == -signal.SIGKILL
handler.handle(logging.makeLogRecord({"msg": "parent"}))
listener.stop()
assert open("shop.log").read().splitlines()[-1] == "parent"
"""
    assert workplace.program(KEEPS + code) == ""
