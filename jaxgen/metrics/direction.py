"""Whether a small or a large value of a metric is the better one."""

from typing import Literal

Direction = Literal["minimize", "maximize"]
