"""A trained network as a function of images: what `jaxgen.load` returns."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from jaxgen.errors import UsageError
from jaxgen.io import conversion
from jaxgen.restoration import inference, pretrained, tasks
from jaxgen.restoration.analysis.noise import GREY_LEVELS, estimate_noise
from jaxgen.restoration.functions import apply_to_images, chosen_progress
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.masks import Color
from jaxgen.restoration.pretrained import Card
from jaxgen.restoration.restorer import Progress, Restorer
from jaxgen.restoration.transparency import with_extended_colors

if TYPE_CHECKING:
    from jaxgen.io.conversion import Image


class Network:
    """A trained network with its model card. Calling it applies it to images of any size.

    Attributes:
      name: of the shipped network, the file or the run folder.
      card: what it does, data, scores, parameters, multiply-adds, terms of the data; see `pretrained.Card`.
    """

    def __init__(self, name: str, card: Card, function: Restorer | Callable[[np.ndarray], np.ndarray]) -> None:
        """Names a network.

        Args:
          name: see the class.
          card: see the class.
          function: the restorer, or where `card.output` is "noise_level" the estimator.
        """
        self.name, self.card, self._function = name, card, function

    def __repr__(self) -> str:
        return f"<jaxgen network {self.name}: {self.card.damage}, {self.card.architecture}>"

    def __call__(
        self,
        image: "Image",
        *,
        sigma: float | None = None,
        mask: "Image | None" = None,
        mask_color: Color | None = None,
        strength: float = 1.0,
        ensemble: bool = False,
        tile_size: int | None = None,
        progress: bool | Callable[[int, int], None] = False,
    ) -> Any:
        """Applies the network.

        Args:
          image: a path, a Pillow image, or an array; see `jaxgen.restore`.
          sigma: standard deviation of the noise in gray levels of 0-255, for a network that takes a noise level; None:
            estimated.
          mask: where the image is damaged, for a network that takes a mask; see `jaxgen.restore`.
          mask_color: "white" or "black", that of the damage in the mask; see `jaxgen.restore`.
          strength: fraction of the change that is applied, 0 to 1.
          ensemble: whether to average over eight flipped and rotated views, at 8 times the cost.
          tile_size: side of the largest tile, 64 to 1024 pixels; None: chosen. It never changes the result.
          progress: True: shows the tiles done on a terminal; a function: takes the number of tiles done and of all.
        Returns:
          by `card.output`. "image": the restored image, of the kind, dtype and range that was given (a Pillow image for
          a path). "mask": the probability of damage, float32[height, width]. "noise_level": the standard deviation of
          the noise in gray levels of 0-255, a float. Of a batch the latter two are arrays with one more dimension.
        Raises:
          jaxgen.errors.UsageError: if the network takes no such argument or needs one, or a value is out of its range.
        """
        settings = Settings(sigma, strength, ensemble, tile_size)
        if isinstance(self._function, Restorer) and self.card.output == "image":
            restoration = tasks.by_network(self._function, settings, has_mask=mask is not None)
            return apply_to_images(restoration, image, settings, mask=mask, mask_color=mask_color, progress=progress)
        self._refuse(sigma=sigma, mask=mask, mask_color=mask_color, strength=None if strength == 1 else strength)
        given = conversion.read(image)
        if isinstance(self._function, Restorer):
            return self._probabilities(self._function, given, settings, progress)
        self._refuse(ensemble=ensemble or None, tile_size=tile_size)
        sigmas = [GREY_LEVELS * estimate_noise(self._function, one.pixels, one.alpha) for one in given.photographs]
        return given.to_array(np.array(sigmas, np.float32)) if given.is_batch else sigmas[0]

    def _refuse(self, **arguments: Any) -> None:
        """Raises UsageError for an argument that has no effect on what the network computes."""
        for name, value in arguments.items():
            if value is not None:
                raise UsageError(f"{name}: the output of {self.name} is a {self.card.output}; leave it out")

    def _probabilities(
        self, network: Restorer, given: conversion.Images, settings: Settings, progress: bool | Progress
    ) -> Any:
        tasks.check_ranges(settings)
        show = chosen_progress(progress)
        visible = [with_extended_colors(one).pixels for one in given.photographs]
        logits = [inference.run(network, pixels, None, settings, show) for pixels in visible]
        values = np.stack([special.expit(one[..., 0]) for one in logits]).astype(np.float32)
        return given.to_array(values if given.is_batch else values[0])


def load_network(source: str) -> Network:
    """Returns a shipped network, or one in a file with its model card.

    Args:
      source: name of a shipped network, or the path of a .safetensors file.
    Raises:
      UsageError: if there is none.
    """
    card = pretrained.read_card(source)
    if card.output == "noise_level":
        return Network(source, card, pretrained.load_noise_estimator(source))
    return Network(source, card, pretrained.load(source, card.output))
