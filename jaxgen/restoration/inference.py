"""Applies a network to a photograph of any size and number of channels."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxgen import filters
from jaxgen.degradations.resampling import upsample_integer
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import pretrained
from jaxgen.restoration.analysis.noise import GREY_LEVELS, estimate_noise
from jaxgen.restoration.restorer import Progress, Restorer, restore_in_bands
from jaxgen.restoration.tiles import stacked

FEATHER = 5
"""Pixels, odd, over which restored pixels are blended into unchanged ones around a mask."""
LARGEST_NOISE = 4
"""Standard deviations of the noise by which a denoiser changes a pixel at most: one in 16,000 has more."""
BAND = 32
"""Rows that are upsampled at once: a whole large photograph would take some 0.6 GB a megapixel."""
WIDE_BAND = 512
"""Rows of a mask that are dilated, eroded or blurred at once."""
BAND_MARGIN = 4
"""Rows beyond a band that its bicubic interpolation depends on."""


class Settings(NamedTuple):
    """The options of a restoration.

    Attributes:
      sigma: standard deviation of the noise in grey levels of 255; None: estimated.
      strength: fraction of the change that is applied, 0 to 1.
      ensemble: whether the mean over eight rotations and reflections is taken.
      tile_size: side of the largest tile in pixels; None: chosen for each network, see `Restorer.tile_side`.
      mask: float32[height, width, 1], 1 where the photograph is damaged, else 0; None: detected.
      force: whether a task restores also where what it detects is not sure.
      dry_run: whether a task only says what it detects, and changes nothing.
      in_place: whether the photograph's pixels may be overwritten, to save memory.
    """

    sigma: float | None = None
    strength: float = 1.0
    ensemble: bool = False
    tile_size: int | None = None
    mask: np.ndarray | None = None
    force: bool = False
    dry_run: bool = False
    in_place: bool = False


class Result(NamedTuple):
    """A restored photograph.

    Attributes:
      pixels: float32[height, width, channel] in [0, 1]; height and width are the photograph's, or a whole multiple.
      message: what was detected or estimated, one short phrase; may be empty.
      mask: float32[height, width, 1], 1 where the photograph is damaged, else 0; None: nowhere.
      is_found: whether there is anything to restore; if not, the pixels are the photograph's.
    """

    pixels: np.ndarray
    message: str
    mask: np.ndarray | None = None
    is_found: bool = True


Restoration = Callable[[Photograph, Settings, Progress], Result]

load_noise_estimator = functools.cache(pretrained.load_noise_estimator)
REGION_CLASSIFIERS = {"detect": "classify_areas", "detect_lines": "classify_lines"}
"""The classifier of the regions that each detector finds."""


@functools.cache
def load(name: str, output: pretrained.Output = "image") -> Restorer:
    """Returns a shipped network, kept in memory.

    Raises:
      UsageError: if this installation has no network of that name.
    """
    if name not in pretrained.NETWORKS:
        raise UsageError(
            f"this needs the network {name}, which is not in this installation (it has "
            f"{', '.join(pretrained.NETWORKS)}): choose another network with --network"
        )
    return pretrained.load(name, output)


@functools.cache
def load_classifier(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a shipped classifier of measurements, float32[n, k] -> logits float32[n]; see `regions` and `haze`."""
    return pretrained.load_function(name, "confidence")


def noise_sigma(photograph: Photograph) -> float:
    """Returns the estimated standard deviation of a photograph's noise, in grey levels of 255."""
    return GREY_LEVELS * estimate_noise(load_noise_estimator(), photograph.pixels, photograph.alpha)


def apply(network: Restorer, photograph: Photograph, settings: Settings, progress: Progress) -> Result:
    """Returns a photograph restored by one network, with the noise level or the mask as its condition if it takes one.

    Where the network upsamples, `strength` is a fraction of the change from the bicubic interpolation.

    Args:
      network: of one or three channels.
      photograph: its pixels, and its alpha where the noise is estimated.
      settings: all are used.
      progress: takes the number of tiles done and the number of all tiles.
    Raises:
      UsageError: if the network takes no level or no mask and one is set, or needs a mask and none is set.
    """
    height = network.spec.scale * len(photograph.pixels)
    out = photograph.pixels if settings.in_place and network.spec.scale == 1 else None
    sigma, message = settings.sigma, ""
    if network.spec.conditioning == "noise_level":
        sigma = noise_sigma(photograph) if sigma is None else sigma
        message = f"noise σ {sigma:.1f} gray levels {'estimated' if settings.sigma is None else 'as set'}"
    bands = restored_bands(network, photograph, settings._replace(sigma=sigma), progress)
    return Result(stacked(bands, height, out), message)


def restored_bands(
    network: Restorer, photograph: Photograph, settings: Settings, progress: Progress
) -> Iterator[np.ndarray]:
    """Yields what `apply` returns, some rows at a time from above.

    Args:
      network, photograph, settings, progress: see `apply`; a network that takes a noise level needs one.
    Yields:
      float32[scale · rows, scale · width, channel] in [0, 1].
    """
    pixels, mask, spec, top = photograph.pixels, settings.mask, network.spec, 0
    check_settings(network, settings, has_mask=mask is not None)
    limit, condition, weight = None, mask, settings.strength
    if spec.conditioning == "noise_level":
        assert settings.sigma is not None, "the noise level is estimated"
        condition = settings.sigma / GREY_LEVELS
        limit = np.float32(LARGEST_NOISE * settings.sigma / GREY_LEVELS)
    for restored in output_bands(network, pixels, condition, settings, progress):
        end = top + len(restored) // spec.scale
        original = pixels[top:end]
        if limit is not None:
            np.clip(restored, original - limit, original + limit, out=restored)
        if spec.scale > 1 and weight != 1:
            original = upsampled_rows(pixels, spec.scale, top, end)
        weights = weight if mask is None else weight * feathered(mask, top, end)
        yield blend(original, restored, weights)
        top = end


def check_settings(network: Restorer, settings: Settings, *, has_mask: bool) -> None:
    """Raises UsageError where a setting has no effect on a network, or one that it needs is missing.

    Args:
      network: to be applied.
      settings: of which the noise level and the tile size are checked.
      has_mask: whether there will be a mask.
    """
    conditioning = network.spec.conditioning
    if settings.sigma is not None and conditioning != "noise_level":
        raise UsageError(f"sigma {settings.sigma:g}: this network takes no noise level; leave it out")
    if settings.tile_size is not None and network.spec.receptive_field_radius is None:
        raise UsageError(f"tile_size {settings.tile_size}: this network takes the whole image at once; leave it out")
    if has_mask and conditioning != "mask":
        raise UsageError("mask: this network takes none; leave it out")
    if not has_mask and conditioning == "mask":
        raise UsageError("this network takes a mask of the damage: give --mask, white where the photograph is damaged")


def run(
    network: Restorer, pixels: np.ndarray, condition: float | np.ndarray | None, settings: Settings, progress: Progress
) -> np.ndarray:
    """Returns a network's output for pixels[height, width, 1 or 3]; see `output_bands`."""
    return stacked(output_bands(network, pixels, condition, settings, progress), network.spec.scale * len(pixels))


def output_bands(
    network: Restorer, pixels: np.ndarray, condition: float | np.ndarray | None, settings: Settings, progress: Progress
) -> Iterator[np.ndarray]:
    """Yields a network's output for pixels[height, width, 1 or 3], some rows at a time from above.

    A network for gray images processes colour channels one by one; one for colour images gets a gray image in each
    channel and its outputs are averaged. Tiles far from hidden pixels are left as they are. The rows of the pixels that
    belong to what was yielded may be overwritten before the next is asked for.
    """
    spec, channels = network.spec, pixels.shape[-1]
    inputs = [pixels] if channels == spec.channels else [pixels[..., one : one + 1] for one in range(channels)]
    if spec.channels > 1 and channels == 1:
        inputs = [np.broadcast_to(pixels, (*pixels.shape[:2], spec.channels))]
    options = {"ensemble": settings.ensemble, "largest_tile": settings.tile_size, "progress": progress}
    distance = FEATHER if spec.conditioning == "mask" else None
    each = [restore_in_bands(network, one, condition, max_distance=distance, **options) for one in inputs]
    for parts in map(list, zip(*each, strict=True)):
        output = np.concatenate(parts, -1) if len(parts) > 1 else parts[0]
        yield output.mean(-1, keepdims=True) if output.shape[-1] > channels else output


def blend(pixels: np.ndarray, restored: np.ndarray, weight: float | np.ndarray) -> np.ndarray:
    """Returns (1 − weight) · pixels + weight · restored, clipped to [0, 1].

    Args:
      pixels: float32[height, width, channel].
      restored: float32[height, width, channel]; overwritten by the result.
      weight: from 0 to 1, for all pixels or float32[height, width, 1].
    """
    if isinstance(weight, np.ndarray) or weight != 1:
        restored -= pixels
        restored *= np.float32(weight)
        restored += pixels
    return np.clip(restored, 0, 1, out=restored)


def has_bands(network: Restorer, settings: Settings) -> bool:
    """Returns whether a network's result can be computed some rows at a time, and needs to be, as it is larger."""
    spec = network.spec
    is_tiled = spec.receptive_field_radius is not None and spec.conditioning == "none"
    return is_tiled and spec.scale > 1 and not settings.ensemble


def upsampled_rows(values: np.ndarray, scale: int, top: int, end: int) -> np.ndarray:
    """Returns the rows of `upsampled` that belong to the rows from top to end of values[height, width, channel]."""
    first, last = max(top - BAND_MARGIN, 0), min(end + BAND_MARGIN, len(values))
    return upsampled(values[first:last], scale)[scale * (top - first) : scale * (end - first)]


def upsampled(values: np.ndarray, scale: int) -> np.ndarray:
    """Returns values[height, width, channel] upsampled by bicubic interpolation; the array itself for scale 1."""
    if scale == 1:
        return values
    height, width, channels = values.shape
    result = np.empty((scale * height, scale * width, channels), np.float32)
    for top in range(0, height, BAND):
        first, end = max(top - BAND_MARGIN, 0), min(top + BAND, height)
        band = upsample_integer(values[None, first : min(end + BAND_MARGIN, height)], scale)[0]
        result[scale * top : scale * end] = band[scale * (top - first) : scale * (end - first)]
    return result


def halved(values: np.ndarray, pool: Callable[..., np.ndarray]) -> np.ndarray:
    """Returns values[height, width, channel] pooled over 2×2 pixels, sizes rounded up.

    Args:
      values: float32[height, width, channel].
      pool: reduces given axes, such as np.mean or np.max.
    """
    pooled = []
    for top in range(0, len(values), 2 * BAND):
        band = values[top : top + 2 * BAND]
        height, width, channels = band.shape
        even = np.pad(band, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        pooled.append(pool(even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels), (1, 3)))
    return np.concatenate(pooled)


@jax.jit
def dilated_and_blurred(mask: jax.Array) -> jax.Array:
    """Returns masks[b, h, w, 1] dilated and then blurred over as many pixels: they stay 1 where they are 1."""
    return filters.mean(filters.dilate(mask, FEATHER // 2), FEATHER)


def feathered(mask: np.ndarray, top: int = 0, end: int | None = None) -> np.ndarray:
    """Returns a mask[height, width, 1] that is 1 where it was and falls to 0 over a few pixels around.

    Args:
      mask: float32[height, width, 1].
      top, end: rows that are returned; see `in_bands`.
    """
    return in_bands(dilated_and_blurred, mask, FEATHER, top, end)


def in_bands(
    function: Callable[[np.ndarray], np.ndarray | jax.Array],
    values: np.ndarray,
    margin: int,
    top: int = 0,
    end: int | None = None,
) -> np.ndarray:
    """Returns what a function makes of values[height, width, channel], of some hundred rows at a time.

    Args:
      function: float32[1, h, w, channel] -> the same shape.
      values: float32[height, width, channel].
      margin: rows beyond a band that its values depend on.
      top, end: the first row that is returned, and the row behind the last one; None: all rows from the first.
    """
    height = len(values)
    end = height if end is None else end
    result = np.empty((end - top, *values.shape[1:]), values.dtype)
    for begin in range(top, end, WIDE_BAND):
        first, last = max(begin - margin, 0), min(begin + WIDE_BAND, end)
        band = np.asarray(function(values[None, first : min(last + margin, height)]))[0]
        result[begin - top : last - top] = band[begin - first : last - first]
    return result
