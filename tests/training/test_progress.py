import io
import sys
import threading
from types import SimpleNamespace

import pytest

from jaxgen.training import progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_rate_leaves_compilation_out_and_forgets_what_is_long_past():
    clock = Clock()
    rate = progress.Rate(clock)
    assert rate.update(10) == 0
    clock.now += 2
    assert rate.update(30) == 10
    for step in range(30, 630, 10):
        clock.now += 10
        last = rate.update(step)
    assert last == pytest.approx(1.0)


def test_the_summary_tells_steps_images_time_and_a_few_metrics():
    clock = Clock()
    summary = progress.Summary(100, 64, clock)
    assert summary.text(10, {}) == "step 10/100"
    clock.now += 5
    metrics = {f"m{i}": i / 3 for i in range(9)}
    message = "step 20/100  2 steps/s  128 images/s  0:00:40 left  m0 0  m1 0.333  m2 0.667  m3 1  m4 1.33  m5 1.67"
    assert summary.text(20, metrics) == message


def test_names_are_as_short_as_tells_them_apart_and_losses_come_first():
    metrics = {"generator/variance": 0.2, "generator/loss": 1.0, "discriminator/loss": 2.0}
    message = progress.Summary(9, 1).text(3, metrics)
    assert message.endswith("step 3/9  generator/loss 1  discriminator/loss 2  variance 0.2")


def test_lines_come_now_and_then_and_at_the_end():
    clock, stream = Clock(), io.StringIO()
    lines = progress.Lines(stream, seconds=10, clock=clock)
    with lines.running(0, 50, 1):
        for step in range(1, 51):
            clock.now += 1
            lines.update(step, {"loss": 0.5})
    steps = [int(line.split("/")[0].removeprefix("step ")) for line in stream.getvalue().splitlines()]
    assert steps == [1, 11, 21, 31, 41, 50]


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    bar = progress.choose(stream)
    with bar.running(0, 50, 1):
        bar.update(25, {"model/loss": 0.5})
        bar.say("a [bold] line")
        bar.update(50, {"model/loss": 0.25})
    assert isinstance(bar, progress.Bar)
    assert "50/50" in stream.getvalue() and "loss 0.25" in stream.getvalue()
    assert "a [bold] line" in stream.getvalue()


def test_a_file_gets_lines():
    assert isinstance(progress.choose(io.StringIO()), progress.Lines)


def test_without_rich_a_terminal_gets_lines_and_a_warning(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = Terminal()
    lines = progress.choose(stream)
    with lines.running(0, 2, 1):
        lines.update(1, {})
        lines.say("hello")
    assert stream.getvalue() == "step 1/2\nhello\n"
    assert capsys.readouterr().err == "rich is not installed: progress is printed in plain lines\n"


def test_beside_a_bar_80_columns_hold_both_losses_the_score_and_the_time_left():
    clock = Clock()
    summary = progress.Summary(20000, 64, clock)
    metrics = {"discriminator/loss": -12.345, "generator/loss": 0.6789, "generator/gradient_norm": 3.0}
    summary.short_text(1200, metrics)
    clock.now += 10
    summary.evaluation_text(1250, {"evaluation/pixel_frechet": 12.345}, "evaluation/pixel_frechet", best=False)
    text = summary.short_text(1300, metrics)
    assert text == "1300/20000  D -12.3  G 0.679  pixel_frechet 12.3  0:31:10 left  10 steps/s"
    assert len(text.partition(" left")[0]) + len(" left") + 12 <= 80
    assert progress.Summary(9, 1).short_text(3, {"model/loss": 0.5, "model/psnr": 20.0}) == "3/9  loss 0.5"


def test_an_evaluation_is_a_line_that_names_the_best():
    clock, stream = Clock(), io.StringIO()
    lines = progress.Lines(stream, clock=clock)
    scores = {"evaluation/kid": 0.5, "evaluation/fid": 30.0}
    with lines.running(0, 50, 1):
        lines.evaluated(10, scores, "evaluation/fid", best=True)
        lines.evaluated(20, scores, "evaluation/fid", best=False)
        lines.update(50, {"model/loss": 1.0})
    assert stream.getvalue().splitlines() == [
        "evaluation at step 10  fid 30  kid 0.5  the best so far",
        "evaluation at step 20  fid 30  kid 0.5",
        "step 50/50  loss 1  last evaluation fid 30",
    ]


def test_what_takes_long_says_so_again_and_again():
    lines, two = [], threading.Event()

    def say(line):
        lines.append(line)
        if len(lines) == 2:
            two.set()

    with progress.reminding("compiling", say, seconds=0.01) as ended:
        assert two.wait(30)
        ended()
    count = len(lines)
    assert all(line.startswith("compiling, ") for line in lines)
    with progress.reminding("loading", say, seconds=60):
        pass
    assert len(lines) == count


def test_a_notebook_gets_one_output_that_is_replaced(monkeypatch, capsys):
    """See tests/test_notebooks.py for a real one."""
    shown = []

    class Handle:
        def update(self, data, raw):
            shown[0] = data["text/plain"]

    def display(data, **_):
        shown.append(data["text/plain"])
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    assert isinstance(progress.choose(), progress.Notebook)
    clock = Clock()
    notebook = progress.Notebook(clock=clock)
    with notebook.running(0, 100, 1):
        for step in range(1, 101):
            notebook.update(step, {"model/loss": 0.5})
            clock.now += 0.1
        notebook.evaluated(100, {"evaluation/fid": 3.0}, "evaluation/fid", best=True)
    line = "step 100/100  loss 0.5  fid 3  0:00:00 left  9.9 steps/s"
    progress.say("no failure")
    assert capsys.readouterr() == ("no failure\n", "")
    assert shown == [f"evaluation at step 100  fid 3  the best so far\n{line}"]
