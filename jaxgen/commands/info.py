"""`jaxgen info`: describes a run or a network."""

import json
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Command:
    """Describes a run: configuration, parameters, step, digest, last and best metrics. Or prints a model card.

    Examples:
        jaxgen info runs/wgan_gp --json
        jaxgen info denoise_color
    """

    source: Annotated[Positional[str], tyro.conf.arg(metavar="RUN|NETWORK|FILE")]
    """Run folder; or a shipped network or .safetensors file, whose model card is printed."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Prints the description."""
        from pathlib import Path

        from jaxgen.io.text import printable
        from jaxgen.restoration import pretrained
        from jaxgen.runs import summary

        if pretrained.is_network(self.source):
            card = pretrained.describe(self.source)
            print(json.dumps(card) if self.json else printable(pretrained.to_text(card)))
            return
        description = summary.describe(Path(self.source))
        print(json.dumps(description, allow_nan=False) if self.json else printable(summary.to_text(description)))
