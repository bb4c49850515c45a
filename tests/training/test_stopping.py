import os
import signal
import threading

import pytest

from jaxgen.training.stopping import STOPPING, Interrupted, NonFiniteError, Signals, stopping_signals


@pytest.mark.parametrize("signum", STOPPING)
def test_a_signal_is_noted_and_handlers_come_back(signum):
    before = signal.getsignal(signum)
    with Signals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), signum)
        assert signals.received == signum
    assert signal.getsignal(signum) is before


@pytest.mark.parametrize("first", STOPPING)
def test_control_c_after_a_signal_stops_at_once(first):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Signals():
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_under_nohup_a_closed_terminal_stops_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.received is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert set(stopping_signals()) == {signal.SIGTERM, signal.SIGINT}
    finally:
        signal.signal(signal.SIGHUP, before)


def test_elsewhere_than_in_the_main_thread_nothing_is_touched():
    before, noted = signal.getsignal(signal.SIGINT), []

    def run():
        with Signals() as signals:
            noted.append((signals.received, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert noted == [(None, before)]


def make_agree(*others):
    """What several processes agree upon, known one call late; `others` are the wishes of another one, call by call."""
    wishes, answers = iter(others), [(0, 0)]

    def agree(*expected):
        answers.append(tuple(map(max, expected, next(wishes))))
        return answers[-2]

    return agree


def test_alone_a_process_stops_and_saves_at_once():
    with Signals() as signals:
        assert not signals.should_stop(late=False) and not signals.late
        assert not signals.should_stop(late=True) and signals.late
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.should_stop(late=False) and not signals.late
        assert signals.stop == signal.SIGTERM


def test_a_process_stops_by_the_signal_of_another_one():
    with Signals(make_agree((0, 0), (15, 0), (15, 0))) as signals:
        assert [signals.should_stop(late=False) for _ in range(3)] == [False, False, True]
        assert (signals.stop, signals.received) == (signal.SIGTERM, None)


def test_one_checkpoint_is_written_though_the_clock_is_late_until_it_is_there():
    signals = Signals(make_agree(*[(0, 0)] * 6))
    saved = []
    for late in (False, True, True, False, False, False):
        signals.should_stop(late)
        saved.append(signals.late)
    assert saved == [False, False, True, False, False, False]


def test_what_a_person_reads():
    assert str(NonFiniteError(7, "model/loss", 5)).startswith("model/loss became NaN or infinite at step 7")
    assert "last good checkpoint is step 5" in str(NonFiniteError(7, "model/loss", 5))
    assert "there is no checkpoint yet" in str(NonFiniteError(7, "model/loss", None))
    assert str(Interrupted(signal.SIGTERM, 7)).startswith("SIGTERM: step 7 is saved")
    assert Interrupted(signal.SIGTERM, 7).signal == 15
