"""The database that holds a sweep's trials, reached or told in a line why not."""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import optuna
import sqlalchemy

from jaxgen.errors import UsageError

REACH_SECONDS = 5
"""Longest wait for a connection: with Python's and JAX's own start, a command tells within ten seconds."""
TABLE_SECONDS = 30
"""Longest wait for the tables of a database that was reached, which others may be making too."""
RETRY_SECONDS = 1.0
TABLE_ATTEMPTS = 3


def open_storage(url: str, heartbeat: int) -> Any:
    """Returns Optuna's storage at a database's address.

    Args:
      url: as SQLAlchemy takes it, as in sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.
      heartbeat: seconds between two signs of life of a running trial.
    Raises:
      UsageError: if it cannot be reached within `REACH_SECONDS`, or is of no kind that is known.
    """
    kind, separator, _ = url.partition("://")
    if not separator:
        raise UsageError(f"storage {url!r} is no address: write postgresql://USER:PASSWORD@HOST/DATABASE")
    if kind == "postgres":
        raise UsageError(f"storage {hide_password(url)} is of no kind that is known: write postgresql:// instead")
    # Which driver that name means has changed between versions of SQLAlchemy.
    address = url.replace("postgresql://", "postgresql+psycopg://", 1)
    reached: list[Any] = []
    connected = threading.Event()

    def make() -> Any:
        # A connection that broke while a trial trained is made again.
        return optuna.storages.RDBStorage(
            address, engine_kwargs={"pool_pre_ping": True}, heartbeat_interval=heartbeat, grace_period=2 * heartbeat
        )

    def reach() -> None:
        # Each driver has errors of its own, and all of them mean this.
        try:
            engine = sqlalchemy.create_engine(address)
            with engine.connect():
                connected.set()
            engine.dispose()
            reached.append(first_of(make))
        except Exception as error:
            reached.append(error)
        finally:
            connected.set()

    # Drivers wait for each address of a host in turn, and some without an end.
    thread = threading.Thread(target=reach, daemon=True)
    thread.start()
    seconds = REACH_SECONDS
    if connected.wait(seconds):
        seconds = TABLE_SECONDS
        thread.join(seconds)
    found = reached[0] if reached else TimeoutError(f"no answer within {seconds} s")
    if isinstance(found, Exception):
        told = (str(found).strip() or repr(found)).splitlines()[0]
        raise UsageError(
            f"storage {hide_password(url)} cannot be used: {hide_password(told)}; see that the database runs and can "
            "be reached from here, or give another --storage, as in postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from found
    return optuna.storages.get_storage(found)


def first_of(make: Callable[[], Any]) -> Any:
    """Returns what is made; tries again where others make the tables of an empty database at the same moment."""
    for _ in range(TABLE_ATTEMPTS):
        with contextlib.suppress(sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):
            return make()
        time.sleep(RETRY_SECONDS)
    return make()


def hide_password(text: str) -> str:
    """Returns a text without the passwords of the addresses in it."""
    return re.sub(r"password=[^&\s]*", "password=…", re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1@", text))
