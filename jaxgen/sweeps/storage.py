"""The database of a sweep's trials, and Optuna without its own log lines."""

import contextlib
import re
import threading
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import optuna
import sqlalchemy
from sqlalchemy.exc import IntegrityError, ProgrammingError

from jaxgen.errors import UsageError

CONNECT_SECONDS = 5
"""Longest wait for a connection, so that the command reports a failure within ten seconds."""
TABLE_SECONDS = 30
"""Longest wait for the tables of a database, which other workers may create at the same time."""
RETRY_SECONDS = 1.0
TABLE_ATTEMPTS = 3


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Silences Optuna's log and its warnings about experimental features, which the tests of sweeps cover."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def open_storage(url: str, heartbeat: int) -> Any:
    """Returns Optuna's storage in a database.

    Args:
      url: as in sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE (SQLAlchemy's syntax).
      heartbeat: seconds between two heartbeats of a running trial.
    Raises:
      UsageError: if the URL is not valid, or the database is not available within `CONNECT_SECONDS`.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise UsageError(f"--storage {url!r} is not a URL: write postgresql://USER:PASSWORD@HOST/DATABASE")
    if scheme == "postgres":
        raise UsageError(f"--storage {hide_password(url)}: write postgresql:// in place of postgres://")
    result = connect(url, heartbeat)
    if isinstance(result, Exception):
        cause = (str(result).strip() or repr(result)).splitlines()[0]
        raise UsageError(
            f"--storage {hide_password(url)} is not available: {hide_password(cause)}; check that the database runs "
            "and that this machine can reach it, or give another --storage, as in postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from result
    return optuna.storages.get_storage(result)


def connect(url: str, heartbeat: int) -> Any:
    """Returns Optuna's storage at a URL, or the exception that prevents it, after at most the seconds above."""
    # The default driver of postgresql:// depends on the version of SQLAlchemy.
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    results: list[Any] = []
    connected = threading.Event()

    def work() -> None:
        # Each driver has its own exceptions.
        try:
            engine = sqlalchemy.create_engine(url)
            with engine.connect():
                connected.set()
            engine.dispose()
            results.append(create_tables(url, heartbeat))
        except Exception as error:
            results.append(error)
        finally:
            connected.set()

    # A thread, because some drivers wait without a limit.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    seconds = CONNECT_SECONDS
    if connected.wait(seconds):
        seconds = TABLE_SECONDS
        thread.join(seconds)
    return results[0] if results else TimeoutError(f"no answer within {seconds} s")


def create_tables(url: str, heartbeat: int) -> optuna.storages.RDBStorage:
    """Returns the storage of a database, and creates its tables unless they exist."""
    create = partial(
        optuna.storages.RDBStorage,
        url,
        # Renews a connection that broke while a trial trained.
        engine_kwargs={"pool_pre_ping": True},
        heartbeat_interval=heartbeat,
        grace_period=2 * heartbeat,
    )
    for _ in range(TABLE_ATTEMPTS):
        # Fails if another worker creates the tables of an empty database at the same time.
        with contextlib.suppress(IntegrityError, ProgrammingError):
            return create()
        time.sleep(RETRY_SECONDS)
    return create()


def hide_password(text: str) -> str:
    """Returns a text without the passwords of the URLs in it."""
    return re.sub(r"password=[^&\s]*", "password=…", re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1@", text))
