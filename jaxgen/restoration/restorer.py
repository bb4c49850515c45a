"""A trained network that maps images to images, or to damage masks, with all that is needed to apply it to any size."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgen.allocator import give_back_freed_memory
from jaxgen.errors import UsageError
from jaxgen.nn.cost import activation_bytes_per_pixel, multiply_adds_per_pixel, parameters
from jaxgen.nn.receptive_field import receptive_field_radius
from jaxgen.restoration import thumbnails, tiles

MAX_UNTILED_PIXELS = 4_194_304
"""Pixels of the largest image that a network without tiles is given whole, since its memory grows with the image. A
module may have a limit of its own, `max_untiled_pixels`."""
SYMMETRIES = 8
"""Rotations by quarter turns of an image and of its mirror image."""

PyTree = Any
Progress = Callable[[int, int], None]
"""Takes the number of tiles done and the number of all tiles."""

Conditioning = Literal["none", "noise_level", "mask"]
"""What the input channel behind the image holds: nothing, the standard deviation of the noise at each pixel in units of
the [0, 1] range, or 1 where the image is hidden."""


def no_progress(done: int, total: int) -> None:
    """Ignores the progress."""


def condition_channels(conditioning: Conditioning) -> int:
    """Returns the number of input channels behind the image."""
    return int(conditioning != "none")


class NetworkSpec(NamedTuple):
    """The properties of a network that decide how it is applied, and what it costs.

    Attributes:
      channels: of the images.
      conditioning: what the input channel behind the image holds.
      receptive_field_radius: in pixels; None: the network cannot be applied tile by tile, since its receptive field is
        the whole image or `size_multiple` divides no tile.
      size_multiple: pixels to a multiple of which the network pads; shifts by as many pixels commute with it.
      multiply_adds_per_pixel: of the input.
      parameters: number of trained values.
      scale: size of the output as a multiple of the input's.
      max_untiled_pixels: of the largest image that it is given whole where it has no tiles.
    """

    channels: int
    conditioning: Conditioning
    receptive_field_radius: int | None
    size_multiple: int
    multiply_adds_per_pixel: float
    parameters: int
    scale: int = 1
    max_untiled_pixels: int = MAX_UNTILED_PIXELS

    @property
    def condition_channels(self) -> int:
        """The number of input channels behind the image."""
        return condition_channels(self.conditioning)


class Restorer(NamedTuple):
    """A network with its variables.

    Attributes:
      network: float32[b, h, w, channels + condition_channels] -> float32[b, scale · h, scale · w, k], compiled for each
        size; k is `channels`, or 1 where it is the logit of damage.
      spec: of the network.
      activation_bytes: returns those of `nn.cost.activation_bytes_per_pixel`, traced when asked for; 0: unknown.
      bands: yields what the network without tiles makes of float32[height, width, channels], some rows at a time; None:
        it is only applied to the whole.
    """

    network: Callable[[np.ndarray], np.ndarray]
    spec: NetworkSpec
    activation_bytes: Callable[[], float] = lambda: 0.0
    bands: Callable[[np.ndarray], Iterator[np.ndarray]] | None = None

    def tile_side(self) -> int:
        """Returns the side of the largest tile that is chosen for it, in pixels."""
        return tiles.largest_side(self.activation_bytes(), self.spec.receptive_field_radius or 0)


def measure_spec(module, variables: PyTree, channels: int, conditioning: Conditioning) -> NetworkSpec:
    """Returns the properties of a module (inputs, train), measured by running it, which takes seconds.

    Args:
      module: with `size_multiple`, and perhaps `scale` and `max_untiled_pixels`; see `any_size` for others.
      variables: of the module.
      channels: of the images.
      conditioning: see `NetworkSpec`.
    """
    inputs = channels + condition_channels(conditioning)
    # Where tiles cannot be multiples of `size_multiple`, the radius has no use, and to measure it would take images of
    # thousands of rows.
    is_tiled = getattr(module, "has_tiles", True) and tiles.divide(module.size_multiple)
    return NetworkSpec(
        channels=channels,
        conditioning=conditioning,
        receptive_field_radius=receptive_field_radius(module, inputs) if is_tiled else None,
        size_multiple=module.size_multiple,
        multiply_adds_per_pixel=multiply_adds_per_pixel(module, inputs),
        parameters=parameters(variables),
        scale=getattr(module, "scale", 1),
        max_untiled_pixels=getattr(module, "max_untiled_pixels", MAX_UNTILED_PIXELS),
    )


def make_restorer(module, variables: PyTree, spec: NetworkSpec) -> Restorer:
    """Returns the restorer of a module (inputs, train) and its variables."""
    inputs = spec.channels + spec.condition_channels
    activation_bytes = functools.cache(lambda: activation_bytes_per_pixel(module, inputs))
    bands = thumbnails.compile_bands(module, variables) if thumbnails.has_thumbnail(module) else None
    return Restorer(compile_module(module, variables), spec, activation_bytes, bands)


def compile_module(module, variables: PyTree) -> Callable[[np.ndarray], np.ndarray]:
    """Returns inputs -> outputs of a module (inputs, train) in inference, compiled once for each shape."""
    on_device, shapes = jax.device_put(variables), set[tuple[int, ...]]()
    compiled = jax.jit(lambda variables, inputs: module.apply(variables, inputs, False))

    def apply(inputs: np.ndarray) -> np.ndarray:
        # A copy: a view of the output on the CPU keeps all memory of the program, 0.15 GB for a large tile.
        outputs = np.array(compiled(on_device, inputs))
        if inputs.shape not in shapes:
            shapes.add(inputs.shape)
            give_back_freed_memory()
        return outputs

    return apply


def restore(
    restorer: Restorer,
    image: np.ndarray,
    condition: float | np.ndarray | None = None,
    *,
    ensemble: bool = False,
    largest_tile: int | None = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Returns a network's output for an image of any size, float32[scale · height, scale · width, k].

    Args:
      restorer, image, condition, ensemble, largest_tile, progress: see `restore_in_bands`.
    Raises:
      ValueError, UsageError: see `restore_in_bands`.
    """
    bands = restore_in_bands(
        restorer, image, condition, ensemble=ensemble, largest_tile=largest_tile, progress=progress
    )
    return tiles.stacked(bands, restorer.spec.scale * len(image))


def restore_in_bands(
    restorer: Restorer,
    image: np.ndarray,
    condition: float | np.ndarray | None = None,
    *,
    ensemble: bool = False,
    largest_tile: int | None = None,
    max_distance: int | None = None,
    progress: Progress = no_progress,
) -> Iterator[np.ndarray]:
    """Yields a network's output for an image of any size from above, a row of tiles at a time.

    The rows of the image that belong to what was yielded may be overwritten before the next is asked for.

    Args:
      restorer: the network.
      image: float32[height, width, channels] in [0, 1].
      condition: what the channel behind the image holds, a value for all pixels or float32 or bool[height, width, 1];
        None for a network without conditioning.
      ensemble: whether the mean over the image's eight rotations and reflections is taken, at eight times the cost.
      largest_tile: side of the largest tile in pixels; see `tiles.bands_of_tiles`. None: chosen, so that the memory of
        a tile is bounded. No effect without tiles.
      max_distance: from hidden pixels, of the tiles that are computed; see `tiles.bands_of_tiles`. None: all are.
      progress: called after each tile; an ensemble goes through all tiles eight times.
    Yields:
      float32[scale · rows, scale · width, k], values may leave [0, 1]; of an ensemble, or a network without tiles, all.
    Raises:
      ValueError: if the image has another number of channels, or the condition is missing or not expected.
      UsageError: if the network has no tiles and the image has more pixels than it is given whole.
    """
    spec = restorer.spec
    if image.ndim != 3 or image.shape[-1] != spec.channels:
        raise ValueError(f"an image of shape {image.shape}: give [height, width, {spec.channels}]")
    if (condition is None) != (spec.conditioning == "none"):
        wanted = "no condition" if spec.conditioning == "none" else "a condition"
        raise ValueError(f"the network's conditioning is {spec.conditioning}: give {wanted}")
    height, width = image.shape[:2]
    if spec.receptive_field_radius is None and height * width > spec.max_untiled_pixels:
        reason = f"pads to multiples of {spec.size_multiple} pixels"
        if tiles.divide(spec.size_multiple):
            reason = "depends on the whole image (or has no size_multiple)"
        raise UsageError(
            f"an image of {width}×{height} pixels: this network {reason} and cannot be applied tile by tile; "
            f"give at most {spec.max_untiled_pixels / 1e6:.1f} megapixels, or choose another network"
        )
    # A view: the channel has no memory of its own, as it is joined to the image tile by tile.
    is_bool = isinstance(condition, np.ndarray) and condition.dtype == bool
    dtype = bool if is_bool else np.float32
    channel = None if condition is None else np.broadcast_to(np.asarray(condition, dtype), (height, width, 1))

    def apply(image: np.ndarray, channel: np.ndarray | None) -> Iterator[np.ndarray]:
        if restorer.bands is not None:
            yield from restorer.bands(image)
        elif spec.receptive_field_radius is None:
            yield np.array(restorer.network(tiles.joined(image, channel)[None])[0])
        else:
            yield from tiles.bands_of_tiles(
                restorer.network,
                image,
                channel,
                **tile_options(restorer, largest_tile),
                max_distance=max_distance,
                progress=progress,
            )

    if not ensemble:
        yield from apply(image, channel)
    else:
        whole = lambda image, channel=None: tiles.stacked(apply(image, channel), spec.scale * len(image))
        yield self_ensemble(whole, image, *(() if channel is None else (channel,)))


def tile_options(restorer: Restorer, largest_tile: int | None) -> dict[str, Any]:
    """Returns the options of `tiles.bands_of_tiles` for a network with tiles."""
    spec = restorer.spec
    return {
        "radius": spec.receptive_field_radius,
        "size_multiple": spec.size_multiple,
        "scale": spec.scale,
        "largest_tile": restorer.tile_side() if largest_tile is None else largest_tile,
    }


def self_ensemble(restore: Callable[..., np.ndarray], *images: np.ndarray) -> np.ndarray:
    """Returns the mean of a network's outputs for an image's eight symmetries, each transformed back.

    Args:
      restore: float32[h, w, c] for each image -> float32[h, w, k].
      *images: float32[height, width, c], the image and perhaps its condition.
    Returns:
      float32[height, width, k].
    Reference: Timofte, Rothe, Van Gool 2016, section 3.6; Lim et al. 2017, section 3.3.
    """
    total: np.ndarray | None = None
    for index, views in enumerate(zip(*map(symmetries, images), strict=True)):
        output = undo_symmetry(restore(*views), index)
        total = output.copy() if total is None else np.add(total, output, out=total)
    assert total is not None, "an image has eight symmetries"
    return np.divide(total, np.float32(SYMMETRIES), out=total)


def symmetries(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an image [height, width, channel] rotated by 0, 1, 2 and 3 quarter turns, then its mirror image so."""
    for reflected in (image, image[:, ::-1]):
        for quarters in range(4):
            yield np.rot90(reflected, quarters)


def undo_symmetry(view: np.ndarray, index: int) -> np.ndarray:
    """Returns the image of which a view is the index-th that `symmetries` yields."""
    rotated = np.rot90(view, -(index % 4))
    return rotated[:, ::-1] if index >= 4 else rotated
