"""The database of a sweep's trials, and Optuna without its own log lines."""

import contextlib
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import optuna
import sqlalchemy
from sqlalchemy.exc import IntegrityError, ProgrammingError

from jaxgen.errors import UsageError
from jaxgen.io.text import hide_passwords

CONNECT_SECONDS = 5
"""Longest wait for a connection, so that the command reports a failure within ten seconds."""
TABLE_SECONDS = 30
"""Longest wait for the tables of a database, which other workers may create at the same time."""
RETRY_SECONDS = 1.0
TABLE_ATTEMPTS = 3
VARIABLE = "JAXGEN_STORAGE"
"""Environment variable with the storage of a sweep that has no --storage. A command's words are in the list of
processes, where a password would be seen."""


def find_url(option: str | None, say: Callable[[str], None]) -> str | None:
    """Returns the URL of the storage that workers share; None where there is none.

    Args:
      option: --storage.
      say: takes a line on where the URL comes from, or that its password can be seen.
    """
    if option:
        if hide_passwords(option) != option:
            say(f"warning: the list of processes shows the password in --storage: set ${VARIABLE} to the URL instead")
        return option
    url = os.environ.get(VARIABLE)
    if url:
        say(f"the storage is {shown_url(url)}, of ${VARIABLE}")
    return url


def shown_url(url: str) -> str:
    """Returns a URL without its passwords, whatever characters they hold."""
    login, at, address = url.rpartition("@")
    scheme, separator, user = login.partition("://")
    shown = f"{scheme}{separator}{user.partition(':')[0]}{at}{address}"
    return re.sub(r"password=[^&]*", "password=…", shown)


def without_secrets(text: str, url: str) -> str:
    """Returns a driver's message without the passwords in the URL, as they are written there or decoded."""
    secrets = re.findall(r"password=([^&]*)", url) + re.findall(r"://[^:/@]*:(.*)@", url)
    for secret in sorted(filter(None, {*secrets, *map(unquote, secrets)}), key=len, reverse=True):
        text = text.replace(secret, "…")
    return hide_passwords(text)


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
        # What it is may have a password that is not where one is looked for.
        raise UsageError("--storage is not a URL: write postgresql://USER:PASSWORD@HOST/DATABASE")
    if scheme == "postgres":
        raise UsageError(f"--storage {shown_url(url)}: write postgresql:// in place of postgres://")
    result = connect(url, heartbeat)
    if isinstance(result, Exception):
        cause = (without_secrets(str(result), url).strip() or type(result).__name__).splitlines()[0]
        raise UsageError(
            f"--storage {shown_url(url)} is not available: {cause}; check that the database runs "
            "and that this machine can reach it, or give another --storage, as in postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
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
