"""What a parent reports of a child, however it ends; each in a process of its own, as both fork."""

import signal
import textwrap
import time

import pytest

BEGINNING = """
import os, signal, sys, time
from jaxgen.training import supervision
from jaxgen.training.supervision import note, supervise

def trace(*lines):
    sys.stderr.write("".join(line + "\\n" for line in lines))
    sys.stderr.flush()
    os.abort()

fatal = "F1122 08:50:44.248151   31013 client.h:80] Terminating process because the JAX distributed service detected"
polled = "E1122 08:53:01.754088   31634 coordination_service_agent.cc:289] Polled an error"
run = lambda action, is_lost=lambda error: False, leave=lambda: None: sys.exit(supervise(action, is_lost, leave))
"""


@pytest.fixture
def start(start_python, tmp_path):
    """Starts a program that supervises an action, in an empty folder."""
    return lambda program: start_python("-c", BEGINNING + textwrap.dedent(program), cwd=tmp_path)


def finish(process):
    said, complaints = process.communicate(timeout=60)
    return process.returncode, said, complaints


@pytest.mark.parametrize("status", [0, 1, 2, 143])
def test_an_exit_status_and_what_was_said_are_passed_on(start, status):
    program = f"run(lambda: print('said') or print('jaxgen: failed', file=sys.stderr) or {status})"
    assert finish(start(program)) == (status, "said\n", "jaxgen: failed\n")


def test_a_trace_becomes_one_line(start, tmp_path):
    for step in (20, 40):
        (tmp_path / "checkpoints" / str(step)).mkdir(parents=True)
    (tmp_path / "checkpoints" / "60.unfinished").mkdir()
    program = "run(lambda: note(52, '.') or trace('a warning', polled, 'more of it', fatal, '*** Check failure'))"
    line = "another process was lost after step 52, or ended for a reason that it prints; the same command goes on from"
    assert finish(start(program)) == (1, "", f"a warning\njaxgen: {line} step 40\n")


@pytest.mark.parametrize(
    ("noted", "status", "message"),
    [
        (
            "note(-1, '.')",
            1,
            "before the first step, or ended for a reason that it prints; the same command starts again",
        ),
        ("None", 1, "before the first step, or ended for a reason that it prints; the same command starts again"),
        ("note(supervision.CONNECTING, 'nobody came: wait')", 2, "jaxgen: nobody came: wait\n"),
    ],
)
def test_what_was_going_on_decides_what_is_reported(start, noted, status, message):
    result, _, complaints = finish(start(f"run(lambda: {noted} or trace(fatal))"))
    assert result == status
    assert message in complaints and complaints.count("\n") == 1


def test_a_message_of_the_child_is_not_repeated_by_the_parent(start):
    program = "run(lambda: trace(polled, 'jaxgen: the loss became NaN', fatal))"
    assert finish(start(program)) == (1, "", "jaxgen: the loss became NaN\n")


def test_nothing_is_kept_back_of_a_child_that_goes_on(start):
    program = "run(lambda: sys.stderr.write(polled + '\\nand more\\n') and 0)"
    status, _, complaints = finish(start(program))
    assert status == 0
    assert complaints.endswith("Polled an error\nand more\n")


def test_another_abort_is_not_taken_for_a_lost_process(start):
    check = "F1122 08:50:44.248151   31013 layout.cc:12] Check failed: rank == 2"
    program = f"run(lambda: trace({check!r}, '*** Check failure stack trace: ***'))"
    status, _, complaints = finish(start(program))
    assert status == 128 + signal.SIGABRT
    assert complaints.startswith(check) and "jaxgen:" not in complaints


def test_an_error_of_a_lost_process_is_reported_as_its_trace_is(start):
    program = """
    def fail():
        raise RuntimeError("connection closed by peer")
    run(fail, is_lost=lambda error: "peer" in str(error))
    """
    status, _, complaints = finish(start(program))
    assert (status, complaints.count("\n")) == (1, 1)
    assert complaints.startswith("jaxgen: another process was lost before the first step")


def test_a_bug_shows_its_traceback(start):
    status, _, complaints = finish(start("run(lambda: 1 / 0)"))
    assert status == 1
    assert complaints.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(("status", "left"), [(0, "left"), (1, "left"), (143, "left"), (2, "")])
def test_who_is_wrong_alone_does_not_wait_for_the_others(start, status, left):
    assert finish(start(f"run(lambda: {status}, leave=lambda: print('left', end=''))")) == (status, left, "")


WAITING = """
def wait():
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append("heard"))
    print(os.getpid(), flush=True)
    while not heard:
        time.sleep(0.01)
    print(*heard)
    return 143
run(wait)
"""


def test_a_signal_reaches_the_child(start):
    process = start(WAITING)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert finish(process) == (143, "heard\n", "")


def test_a_child_does_not_outlive_its_parent(start):
    process = start(WAITING)
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    for _ in range(500):
        if not is_alive(child):
            return
        time.sleep(0.01)
    raise AssertionError("it still runs")


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
