"""Logging where a lock is held: inside sinks, signal handlers and finalizers, and around forks."""

import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from onewriter import _locks

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def run_all(*functions):
    """Runs each in a thread; fails if one does not come to its end."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"


def exit_status(pid):
    """How a child ended: 0 for well, a negative number for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("catch", [True, False])
def test_a_record_logged_inside_a_sink_is_written_after_the_one_that_is_being_written(
    logger, capsys, catch
):
    events = []

    def sink(message):
        events.append(("begin", str(message)))
        if message == "outer":
            logger.info("inner 1")
            logger.info("inner 2")
        events.append(("end", str(message)))

    logger.add(sink, format=lambda _: "{message}", catch=catch)
    logger.info("outer")
    logger.info("last")
    texts = ("outer", "inner 1", "inner 2", "last")
    assert events == [(what, text) for text in texts for what in ("begin", "end")]
    assert capsys.readouterr().err == ""


def test_a_record_logged_inside_a_sink_that_then_fails_is_written(logger, written):
    def sink(message):
        if message == "outer":
            logger.info("inner")
            raise KeyError("after")
        written(message)

    logger.add(sink, format=lambda _: "{message}", catch=False)
    with pytest.raises(KeyError, match="after"):
        logger.info("outer")
    assert written == ["inner"]


def test_a_deferred_record_whose_writing_fails_is_reported_with_its_own_text(
    logger, written, capsys
):
    def sink(message):
        written(message)
        if message == "outer":
            logger.info("inner")
        elif message == "inner":
            raise KeyError("of the inner one")

    logger.add(sink, format=lambda _: "{message}")
    logger.info("outer")
    err = capsys.readouterr().err
    assert written == ["outer", "inner"]
    assert "'message': 'inner'" in err and "KeyError: 'of the inner one'" in err
    assert err.count("--- Logging error in Loguru Handler #0 ---") == 1


@pytest.mark.parametrize("answers", [1, 2])
def test_a_sink_that_answers_every_record_is_stopped(logger, written, capsys, monkeypatch, answers):
    def sink(message):
        written(message)
        for _ in range(answers):
            logger.info("again")

    monkeypatch.setattr(_locks, "ANSWERS", 20)
    logger.add(sink, format="{message}")
    logger.info("once")
    # The record, its direct answers, and as many more as are allowed. Each was answered.
    assert len(written) == 1 + answers + 20
    refused = len(written) * answers - (answers + 20)
    assert capsys.readouterr().err.count("(deadlock avoided)") == refused


def test_a_sink_that_answers_every_record_raises_at_the_caller_who_wants_errors(logger):
    logger.add(lambda message: logger.info("again"), catch=False)
    with pytest.raises(
        RuntimeError, match=r"Could not acquire internal lock .* \(deadlock avoided\)"
    ):
        logger.info("once")


def test_sinks_that_log_to_each_other_do_not_wait_for_each_other(logger):
    texts = [[], []]
    met = threading.Barrier(2, timeout=20)

    def sink_of(number):
        def sink(message):
            texts[number].append(str(message))
            if message == f"outer {number}":
                met.wait()
                logger.info(f"inner {number}")

        return sink

    def filter_of(number):
        return lambda record: record["message"] != f"outer {1 - number}"

    for number in (0, 1):
        logger.add(sink_of(number), format=lambda _: "{message}", filter=filter_of(number))
    run_all(lambda: logger.info("outer 0"), lambda: logger.info("outer 1"))
    assert [sorted(text) for text in texts] == [
        ["inner 0", "inner 1", "outer 0"],
        ["inner 0", "inner 1", "outer 1"],
    ]


def test_a_finalizer_that_logs_while_a_sink_works_loses_nothing(logger, written):
    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            logger.info("finalized")

    def sink(message):
        gc.collect()
        written(message)

    gc.collect()
    logger.add(sink, format="{message}", catch=False)
    for _ in range(5):
        Cycle()
        logger.info("record")
    assert written == ["record\n", "finalized\n"] * 5


def test_a_signal_handler_that_logs_loses_nothing_wherever_it_interrupts(logger, written):
    signals = 0

    def on_signal(*_):
        nonlocal signals
        signals += 1
        logger.info("signal")

    logger.add(written, format="{message}", catch=False)
    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
    try:
        records = 0
        while signals < 200:
            logger.info("record")
            records += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (written.count("signal\n"), written.count("record\n")) == (signals, records)


def test_a_burst_of_records_logged_while_one_is_written_is_not_limited(logger, written):
    def sink(message):
        written(message)
        if message == "outer":
            for number in range(5 * _locks.ANSWERS):
                logger.info(number)

    logger.add(sink, format=lambda _: "{message}", catch=False)
    logger.info("outer")
    assert written == ["outer", *map(str, range(5 * _locks.ANSWERS))]


def test_a_signal_handler_that_logs_while_its_thread_waits_for_the_sink_does_not_wait(
    logger, written
):
    entered, leave = threading.Event(), threading.Event()

    def sink(message):
        written(message)
        if message == "first":
            entered.set()
            assert leave.wait(20)

    def on_signal(*_):
        logger.info("signal")
        leave.set()

    logger.add(sink, format=lambda _: "{message}", catch=False)
    before = signal.signal(signal.SIGALRM, on_signal)
    try:
        other = threading.Thread(target=lambda: logger.info("first"), daemon=True)
        other.start()
        assert entered.wait(20)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        logger.info("second")
        other.join(20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert written[0] == "first" and sorted(written[1:]) == ["second", "signal"]


def test_an_interrupted_sink_is_open_for_the_next_record(logger, written):
    def sink(message):
        if message == "interrupted":
            raise KeyboardInterrupt
        written(message)

    logger.add(sink, format=lambda _: "{message}")
    with pytest.raises(KeyboardInterrupt):
        logger.info("interrupted")
    logger.info("next")
    run_all(lambda: logger.info("from another thread"))
    assert written == ["next", "from another thread"]


def test_removed_inside_of_its_sink_a_handler_is_stopped_when_the_sink_is_left(logger):
    events = []

    class Sink:
        def write(self, message):
            events.append(str(message))
            logger.info("deferred")
            logger.remove()
            logger.info("too late")
            events.append("left")

        def stop(self):
            events.append("stopped")

    logger.add(Sink(), format=lambda _: "{message}", catch=False)
    logger.info("first")
    logger.info("too late")
    assert events == ["first", "left", "deferred", "left", "stopped"]


def test_handlers_added_removed_and_completed_inside_of_sinks_by_many_threads_stop_nobody(logger):
    def sink(message):
        number = logger.add(lambda _: None)
        logger.complete()
        logger.remove(number)

    def log():
        for _ in range(50):
            logger.info("x")

    logger.add(sink, catch=False, filter=lambda record: record["message"] == "x")
    run_all(*[log] * 4)


@forks
def test_a_fork_while_other_threads_log_leaves_no_lock_held(logger):
    stop = threading.Event()

    def log():
        while not stop.is_set():
            logger.info("x")

    logger.add(lambda _: None)
    logger.add(lambda _: None)
    threads = [threading.Thread(target=log, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                logger.info("in the child")
                logger.remove()
                os._exit(0)
            assert exit_status(pid) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


@forks
def test_a_fork_inside_of_a_sink_waits_for_nobody_and_doubles_no_record(logger, tmp_path):
    path = tmp_path / "out"
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def sink(message):
        if message == "outer":
            logger.info("deferred")
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                os.write(file, b"child|")
                return
            assert exit_status(pid) == 0
        os.write(file, f"{message}|".encode())

    logger.add(sink, format=lambda _: "{message}", catch=False)
    parent = os.getpid()
    logger.info("outer")
    if os.getpid() != parent:
        logger.info("after")
        os._exit(0)
    os.close(file)
    assert path.read_text() == "child|after|outer|deferred|"


@forks
def test_a_record_left_for_a_sink_is_written_by_the_parent_alone_and_once(logger, tmp_path):
    path = tmp_path / "out"
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    inside, forking = threading.Event(), threading.Event()

    def slow(message):
        os.write(file, f"{message}|".encode())
        if message == "slow":
            inside.set()
            assert forking.wait(20)

    def relay(_):
        logger.info("left")
        forking.set()

    logger.add(
        slow, format=lambda _: "{message}", filter=lambda record: record["message"] != "relay"
    )
    logger.add(relay, filter=lambda record: record["message"] == "relay")
    threads = [threading.Thread(target=lambda: logger.info("slow"), daemon=True)]
    threads[0].start()
    assert inside.wait(20)
    threads.append(threading.Thread(target=lambda: logger.info("relay"), daemon=True))
    threads[1].start()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert exit_status(pid) == 0
    for thread in threads:
        thread.join(20)
    os.close(file)
    assert path.read_text() == "slow|left|"


FORK_HOOKS = """
import os, signal
signal.alarm(20)
def log(text):
    return lambda: logger.info(text)
hooks = dict(before=log("before"), after_in_parent=log("parent"), after_in_child=log("child"))
os.register_at_fork(**hooks)
from onewriter import logger
os.register_at_fork(**hooks)
logger.remove()
logger.add(lambda message: os.write(1, message.encode()), format="{message}", catch=False)
pid = os.fork()
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


@forks
def test_hooks_of_a_fork_may_log_whether_they_run_inside_or_outside_of_ours():
    done = subprocess.run(
        [sys.executable, "-c", FORK_HOOKS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == ["before"] * 2 + ["child"] * 2 + ["parent"] * 2
