import os
import signal
import threading

import pytest

from jaxgen.training.stopping import Interrupted, NonFiniteError, Signals


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_handlers_come_back(signum):
    before = signal.getsignal(signum)
    with Signals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), signum)
        assert signals.received == signum
    assert signal.getsignal(signum) is before


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_control_c_after_a_signal_stops_at_once(first):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Signals():
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_elsewhere_than_in_the_main_thread_nothing_is_touched():
    before, noted = signal.getsignal(signal.SIGINT), []

    def run():
        with Signals() as signals:
            noted.append((signals.received, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert noted == [(None, before)]


def test_what_a_person_reads():
    assert str(NonFiniteError(7, "model/loss", 5)).startswith("model/loss became NaN or infinite at step 7")
    assert "last good checkpoint is step 5" in str(NonFiniteError(7, "model/loss", 5))
    assert "there is no checkpoint yet" in str(NonFiniteError(7, "model/loss", None))
    assert str(Interrupted(signal.SIGTERM, 7)).startswith("SIGTERM: step 7 is saved")
    assert Interrupted(signal.SIGTERM, 7).signal == 15
