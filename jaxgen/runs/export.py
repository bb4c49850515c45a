"""Exports trained networks, with their weights, as StableHLO files that JAX runs without jaxgen, by `jax.export`.

A file is a program for any batch size, and for any height and width of a restorer's images. JAX promises to read it
for six months after it was written, and in versions up to three weeks older than the one that wrote it.
Reference: the page "Exporting and serializing" of JAX's documentation, on compatibility.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation.classification import class_labels
from jaxgen.platforms import trace_for
from jaxgen.restoration import pretrained
from jaxgen.restoration.plans import prepare_output
from jaxgen.restoration.restorer import Conditioning
from jaxgen.runs import reopen
from jaxgen.runs.data.class_names import class_names
from jaxgen.runs.open_restorer import conditioning
from jaxgen.runs.reopen import DEFAULTS, RUNS_ONLY, OpenOptions
from jaxgen.training import execute, progress
from jaxgen.training.state import PyTree

SUFFIX = ".stablehlo"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
DEFAULT_PLATFORMS = ("cpu", "cuda", "tpu")
MIN_SIDE = 2
"""Smallest height and width in pixels that a restorer is exported for: reflect padding needs two."""
IMAGES = "images"
NOTHING = "{}: this run generates, restores and classifies no images and detects no damage: nothing to export"


class Operand(NamedTuple):
    """An argument of a program.

    Attributes:
      name: its name.
      shape: its shape, as `jax.export.symbolic_shape` reads it: "b, h, w, 3".
      dtype: its dtype.
      about: description.
      low: smallest value; the caller checks it, as a compiled program raises no errors.
      high: largest value; None: any.
    """

    name: str
    shape: str
    dtype: str
    about: str
    low: int = 0
    high: int | None = None


class Network(NamedTuple):
    """A trained network as a pure function of arrays.

    Attributes:
      function: (operands) -> array, with the variables closed over.
      operands: its arguments.
      result: name of the result.
      about: description of the result.
    """

    function: Callable[..., Array]
    operands: tuple[Operand, ...]
    result: str
    about: str

    @property
    def any_size(self) -> bool:
        """Whether its input is images, of any size."""
        return "h" in self.operands[0].shape.split(", ")


CONDITIONS = {
    "none": (),
    "noise_level": (Operand("level", "b", "float32", "standard deviation of the noise, 0.098 for σ = 25 of 255"),),
    "mask": (Operand("mask", "b, h, w, 1", "float32", "1 where damage hides the image, else 0"),),
}
"""The arguments of a restorer in addition to images, by its conditioning."""
RESTORED = "restored; values may leave [0, 1]"
PROBABILITY = "probability that each pixel is hidden by damage"


def image_operand(channels: int) -> Operand:
    """Returns the operand for images."""
    return Operand(IMAGES, f"b, h, w, {channels}", "float32", "in [0, 1]")


def to_channel(images: Array, condition: Sequence[Array]) -> Array | None:
    """Returns a restorer's conditioning, () or (float32[b] or float32[b, h, w, 1],), as a channel or None."""
    if not condition:
        return None
    (values,) = condition
    return values if values.ndim == 4 else jnp.broadcast_to(values[:, None, None, None], (*images.shape[:3], 1))


def load_run(run: Path, options: OpenOptions, say: Callable[[str], None]) -> Network:
    """Loads the network of a run: its generator, restorer, damage detector or classifier.

    Raises:
      UsageError: if the run has none of these, or cannot be opened.
    """
    built = reopen.build(run, options, say)
    objective, channels = built.objective, built.image_shape[-1]
    if not (objective.generative or objective.restoring or objective.detecting or objective.classifying):
        raise UsageError(NOTHING.format(run))
    opened = reopen.load_weights(built, options, say)
    variables = to_numpy(opened.variables)
    if generative := objective.generative:
        latents = Operand("latents", f"b, {generative.latent_size}", "float32", "standard normal")
        count = classes(opened.config)
        labels = (Operand("labels", "b", "int32", f"classes, 0 to {count - 1}", high=count - 1),) if count else ()
        return Network(
            lambda latents, labels=None: generative.generate(variables, latents, labels),
            (latents, *labels),
            IMAGES,
            "in [0, 1]",
        )
    if detecting := objective.detecting:
        return Network(
            lambda images: detecting.detect(variables, images), (image_operand(channels),), "mask", PROBABILITY
        )
    if classifying := objective.classifying:
        labels = class_labels(classifying, class_names(built.path))
        return Network(
            lambda images: classifying.probabilities(variables, images),
            (Operand(IMAGES, ", ".join(map(str, ("b", *built.image_shape))), "float32", "in [0, 1]"),),
            "probabilities",
            f"of the classes {', '.join(labels)}",
        )
    if restoring := objective.restoring:
        restore = lambda images, condition: restoring.restore(variables, images, condition)
        return restorer_network(restore, channels, conditioning(opened.config))
    raise UsageError(NOTHING.format(run))


def load_file(source: str) -> Network:
    """Loads a shipped network, or that of a file with its model card; see `pretrained.read`."""
    variables, card = pretrained.read(source)
    pretrained.require_images(source, card)
    module, variables = card.module(), to_numpy(variables)

    def apply(inputs: Array) -> Array:
        return cast(Array, module.apply(variables, inputs, False))

    if card.spec is None and card.output != "noise_level":
        raise pretrained.wrong_output(source, card, card.output)
    if card.spec is None:
        return Network(apply, (image_operand(1),), "level", "standard deviation of the noise in each image")
    spec = card.spec
    channels = spec.channels
    if card.output == "mask":
        return Network(lambda images: jax.nn.sigmoid(apply(images)), (image_operand(channels),), "mask", PROBABILITY)
    restore = lambda images, mask: apply(images if mask is None else jnp.concatenate([images, mask], -1))
    return restorer_network(restore, channels, spec.conditioning)


def restorer_network(
    restore: Callable[[Array, Array | None], Array], channels: int, conditioning: Conditioning
) -> Network:
    """Returns the network of a restorer (images, conditioning as a channel or None) -> images."""
    return Network(
        lambda images, *condition: restore(images, to_channel(images, condition)),
        (image_operand(channels), *CONDITIONS[conditioning]),
        IMAGES,
        RESTORED,
    )


def to_numpy(variables: PyTree) -> PyTree:
    """Returns variables as NumPy arrays, the constants of a program, from whatever device."""
    return jax.tree.map(np.asarray, execute.first_replica(variables))


def lower(network: Network, platforms: Sequence[str], size: tuple[int, int] | None = None) -> jax.export.Exported:
    """Lowers a network to a program for any batch size.

    Args:
      network: the network.
      platforms: the platforms that it is to run on, of `PLATFORMS`.
      size: height and width of its images in pixels; None: any from `MIN_SIDE`.
    """
    free = network.any_size and not size
    scope = jax.export.SymbolicScope([f"{side} >= {MIN_SIDE}" for side in "hw"] if free else ())
    named = dict(zip("hw", size or "hw", strict=True))
    arguments = [
        jax.ShapeDtypeStruct(
            jax.export.symbolic_shape(
                ", ".join(str(named.get(part, part)) for part in operand.shape.split(", ")), scope=scope
            ),
            operand.dtype,
        )
        for operand in network.operands
    ]
    platforms = tuple(dict.fromkeys(platforms))
    compiled = jax.jit(trace_for(platforms, lambda *arrays: network.function(*arrays).astype(jnp.float32)))
    with without_paths():
        return jax.export.export(compiled, platforms=platforms)(*arguments)


@contextlib.contextmanager
def without_paths() -> Iterator[None]:
    """Keeps the paths of source files, which are private, out of lowered programs."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def to_text(network: Network, program: jax.export.Exported, out: Path) -> str:
    """Returns a description of a file: its platforms, operands, result, and the Python code that runs it."""
    typed = lambda name, array, about: f"{name} {array.dtype}[{', '.join(map(str, array.shape))}], {about}"
    operands = [
        typed(operand.name, array, operand.about)
        for operand, array in zip(network.operands, program.in_avals, strict=True)
    ]
    size = f", h and w from {MIN_SIDE} pixels" if "h" in map(str, program.in_avals[0].shape) else ""
    return "\n".join(
        [
            f"{out}  {out.stat().st_size / 1e6:.1f} MB, for {' '.join(program.platforms)}, any b{size}",
            *(f"{head}  {line}" for head, line in zip(["takes", *["     "] * len(operands)], operands, strict=False)),
            f"gives  {typed(network.result, program.out_avals[0], network.about)}",
            "run by JAX without jaxgen (pip install jax flatbuffers):",
            "  from jax import export",
            f"  program = export.deserialize(bytearray(open({str(out)!r}, 'rb').read()))",
            *(
                f"  if not ({operand.low} <= {operand.name}.min() and {operand.name}.max() <= {operand.high}): "
                f"raise ValueError('{operand.name}: {operand.about}')"
                for operand in network.operands
                if operand.high is not None
            ),
            f"  {network.result} = program.call({', '.join(operand.name for operand in network.operands)})",
        ]
    )


def export_network(
    source: str,
    out: Path,
    *,
    platforms: Sequence[str] = DEFAULT_PLATFORMS,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Exports a trained network with its weights to a file, and returns a description of it, a few lines.

    A restorer is exported for full images. `jaxgen restore` pads its tiles by reflection, and differs within the
    receptive field of the image's border.

    Args:
      source: a run folder, the name of a shipped network, or a .safetensors file with its model card.
      out: the file, .stablehlo.
      platforms: the platforms that it is to run on, of `PLATFORMS`; they need not be present.
      size: height and width in pixels of a restorer's images; None: any.
      overwrite: whether to replace an existing file.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if there is no such network, it cannot be exported, an option has no effect, or the file cannot be
        written.
    """
    for name in platforms:
        if name not in PLATFORMS:
            raise unknown("platform", name, PLATFORMS)
    prepare_output(out, suffix=SUFFIX, overwrite=overwrite)
    if pretrained.is_network(source):
        if options != DEFAULTS:
            raise UsageError(f"{source} is one network and no run: {RUNS_ONLY}")
        network = load_file(source)
    else:
        network = load_run(Path(source), options, say)
    if size and not network.any_size:
        raise UsageError(f"size {size[0]}×{size[1]}: the images of this network have one size; leave --size out")
    try:
        program = lower(network, platforms, size)
    except Exception as error:  # operations that do not support symbolic sizes raise many kinds
        free, way = "any number of images", "its code asks for that number"
        if network.any_size and not size:
            free, way = f"{free}, height and width", "give --size HEIGHT WIDTH"
        reason = str(error).strip().splitlines()[:1]
        raise UsageError(
            f"{source} cannot be exported for {free}: {way} ({type(error).__name__}: {' '.join(reason)})"
        ) from error
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(program.serialize())
    except ImportError as error:
        raise UsageError(f"JAX writes such files by another package, pip install flatbuffers ({error})") from None
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return to_text(network, program, out)
