"""Contexts that write what is left when they end."""

import abc
from collections.abc import Callable
from typing import Self

from jaxgen.errors import UsageError


class Closing(abc.ABC):
    """A context that closes at its end. Where an error ends it already, that of closing is only said."""

    say: Callable[[str], None]

    @abc.abstractmethod
    def close(self) -> None:
        """Writes what is left, or raises UsageError."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except UsageError as error:
            if kind is None:
                raise
            self.say(str(error))
