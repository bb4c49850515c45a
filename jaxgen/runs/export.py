"""Trained networks as files that JAX runs without jaxgen: StableHLO with the weights in it, by `jax.export`.

A file is a program for any number of images, and of a restorer for any height and width. JAX promises to read it for
six months of its own versions, and one that it writes today not in versions older than three weeks.
Reference: the page "Exporting and serializing" of JAX's documentation, on compatibility.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError, unknown
from jaxgen.platforms import trace_for
from jaxgen.restoration import pretrained
from jaxgen.restoration.files import make_writable_folder
from jaxgen.restoration.restorer import Conditioning
from jaxgen.runs import reopen
from jaxgen.runs.open_restorer import conditioning
from jaxgen.runs.reopen import DEFAULTS, RUNS_ONLY, OpenOptions
from jaxgen.training import execute, progress
from jaxgen.training.state import PyTree

SUFFIX = ".stablehlo"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
USUAL = ("cpu", "cuda", "tpu")
SMALLEST = 2
"""Pixels of the shortest side that a restorer is exported for: beyond a border, images go on mirrored."""
IMAGES = "images"


class Operand(NamedTuple):
    """An argument of a program.

    Attributes:
      name: of it.
      shape: as `jax.export.symbolic_shape` reads it, as in "b, h, w, 3".
      dtype: of it.
      about: what it is, for a person.
    """

    name: str
    shape: str
    dtype: str
    about: str


class Network(NamedTuple):
    """A trained network as a pure function of arrays.

    Attributes:
      function: of the operands, variables closed over; gives one array.
      takes: the operands.
      gives: name of what it gives.
      about: what that is, for a person.
    """

    function: Callable[..., Array]
    takes: tuple[Operand, ...]
    gives: str
    about: str

    @property
    def any_size(self) -> bool:
        """Whether it takes images, whose size is then free."""
        return self.takes[0].name == IMAGES


CONDITIONS = {
    "none": (),
    "noise_level": (
        Operand("level", "b", "float32", "standard deviation of the noise, 0.098 for 25 grey levels of 255"),
    ),
    "mask": (Operand("mask", "b, h, w, 1", "float32", "1 where the picture is hidden, else 0"),),
}
"""The arguments of a restorer in addition to images, by its conditioning."""
RESTORED = "restored; values may leave [0, 1]"
PROBABLE = "how likely each pixel is to be hidden by damage"


def pictures(channels: int) -> Operand:
    """Returns the operand that images are."""
    return Operand(IMAGES, f"b, h, w, {channels}", "float32", "in [0, 1]")


def as_channel(images: Array, guide: Sequence[Array]) -> Array | None:
    """Returns what a restorer is told, nothing, float32[b] or float32[b, h, w, 1], as None or float32[b, h, w, 1]."""
    if not guide:
        return None
    (given,) = guide
    return given if given.ndim == 4 else jnp.broadcast_to(given[:, None, None, None], (*images.shape[:3], 1))


def of_run(run: Path, options: OpenOptions, say: Callable[[str], None]) -> Network:
    """Returns what a run has trained: a generator, a restorer or a detector.

    Raises:
      UsageError: if it is none of these, or cannot be opened.
    """
    built = reopen.build(run, options, say)
    objective, channels = built.objective, built.image_shape[-1]
    if not (objective.generative or objective.restoring or objective.detecting):
        raise UsageError(f"{run}: this run neither generates nor restores images nor finds damage: nothing to export")
    opened = reopen.load_weights(built, options, say)
    variables = as_numpy(opened.variables)
    if generative := objective.generative:
        latents = Operand("latents", f"b, {generative.latent_size}", "float32", "standard normal")
        known = classes(opened.config)
        labels = (Operand("labels", "b", "int32", f"classes, 0 to {known - 1}"),) if known else ()
        return Network(
            lambda latents, labels=None: generative.generate(variables, latents, labels),
            (latents, *labels),
            IMAGES,
            "in [0, 1]",
        )
    if detecting := objective.detecting:
        return Network(lambda images: detecting.detect(variables, images), (pictures(channels),), "mask", PROBABLE)
    restore = objective.restoring.restore
    return restoring(
        lambda images, condition: restore(variables, images, condition), channels, conditioning(opened.config)
    )


def of_file(source: str) -> Network:
    """Returns a shipped network, or that of a file with its card; see `pretrained.read`."""
    variables, card = pretrained.read(source)
    module, variables = card.module(), as_numpy(variables)
    apply = lambda inputs: module.apply(variables, inputs, False)
    if card.output == "noise_level" or card.spec is None:
        return Network(apply, (pictures(1),), "level", "standard deviation of the noise in each image")
    spec = card.spec
    channels = spec.channels
    if card.output == "mask":
        return Network(lambda images: jax.nn.sigmoid(apply(images)), (pictures(channels),), "mask", PROBABLE)
    whole = lambda images, guide: apply(images if guide is None else jnp.concatenate([images, guide], -1))
    return restoring(whole, channels, spec.conditioning)


def restoring(restore: Callable[[Array, Array | None], Array], channels: int, conditioning: Conditioning) -> Network:
    """Returns the network of a restorer (images, guide as a channel or None) -> images."""
    return Network(
        lambda images, *guide: restore(images, as_channel(images, guide)),
        (pictures(channels), *CONDITIONS[conditioning]),
        IMAGES,
        RESTORED,
    )


def as_numpy(variables: PyTree) -> PyTree:
    """Returns variables as constants of a program, wherever they lie."""
    return jax.tree.map(np.asarray, execute.first_replica(variables))


def lower(network: Network, platforms: Sequence[str], size: tuple[int, int] | None = None) -> jax.export.Exported:
    """Returns the program of a network for any number of images.

    Args:
      network: the network.
      platforms: that it is to run on, of `PLATFORMS`.
      size: height and width of its images in pixels; None: any from `SMALLEST`.
    """
    free = network.any_size and not size
    scope = jax.export.SymbolicScope([f"{side} >= {SMALLEST}" for side in "hw"] if free else ())
    named = dict(zip("hw", size or "hw", strict=True))
    takes = [
        jax.ShapeDtypeStruct(
            jax.export.symbolic_shape(
                ", ".join(str(named.get(part, part)) for part in operand.shape.split(", ")), scope=scope
            ),
            operand.dtype,
        )
        for operand in network.takes
    ]
    platforms = tuple(dict.fromkeys(platforms))
    compiled = jax.jit(trace_for(platforms, lambda *inputs: network.function(*inputs).astype(jnp.float32)))
    with without_paths():
        return jax.export.export(compiled, platforms=platforms)(*takes)


@contextlib.contextmanager
def without_paths() -> Iterator[None]:
    """Keeps the paths of source files out of programs that are lowered: they are those of one person's folders."""
    name = "jax_traceback_in_locations_limit"
    usual = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, usual)


def lower_told(
    network: Network, source: str, platforms: Sequence[str], size: tuple[int, int] | None
) -> jax.export.Exported:
    """Returns what `lower` does, or raises UsageError where the network wants to know a size that is to be free."""
    try:
        return lower(network, platforms, size)
    except Exception as error:  # what a network asks of a symbol in the place of a number leads to many kinds
        free, way = "any number of images", "its code asks for that number"
        if network.any_size and not size:
            free, way = f"{free}, height and width", "give --size HEIGHT WIDTH"
        reason = str(error).strip().splitlines()[:1]
        raise UsageError(
            f"{source} cannot be exported for {free}: {way} ({type(error).__name__}: {' '.join(reason)})"
        ) from error


def as_text(network: Network, program: jax.export.Exported, out: Path) -> str:
    """Returns what a file is, takes and gives, and the lines of Python that run it."""
    typed = lambda name, array, about: f"{name} {array.dtype}[{', '.join(map(str, array.shape))}], {about}"
    takes = [
        typed(operand.name, array, operand.about)
        for operand, array in zip(network.takes, program.in_avals, strict=True)
    ]
    size = f", h and w from {SMALLEST} pixels" if "h" in map(str, program.in_avals[0].shape) else ""
    return "\n".join(
        [
            f"{out}  {out.stat().st_size / 1e6:.1f} MB, for {' '.join(program.platforms)}, any b{size}",
            *(f"{head}  {line}" for head, line in zip(["takes", *["     "] * len(takes)], takes, strict=False)),
            f"gives  {typed(network.gives, program.out_avals[0], network.about)}",
            "run by JAX without jaxgen (pip install jax flatbuffers):",
            "  from jax import export",
            f"  program = export.deserialize(bytearray(open({str(out)!r}, 'rb').read()))",
            f"  {network.gives} = program.call({', '.join(operand.name for operand in network.takes)})",
        ]
    )


def export_network(
    source: str,
    out: Path,
    *,
    platforms: Sequence[str] = USUAL,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Writes a trained network with its weights into one file and returns what it takes and gives, as lines.

    A restorer is exported as the network is applied to whole images; `jaxgen restore` goes by tiles whose margins are
    reflected, and differs within the network's reach of the border.

    Args:
      source: a run folder, the name of a shipped network, or a .safetensors file of one.
      out: the file, .stablehlo.
      platforms: that it is to run on, of `PLATFORMS`; they need not be here.
      size: height and width in pixels that a restorer is exported for; None: any.
      overwrite: whether a file that is there is replaced.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if there is no such network or nothing of it that could be exported, a choice has no effect on it, it
        cannot be exported for any size, or the file cannot be written.
    """
    if out.suffix != SUFFIX:
        raise UsageError(f"{out}: give a file that ends in {SUFFIX}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: name another file with --out, or replace it with --overwrite")
    for name in platforms:
        if name not in PLATFORMS:
            raise unknown("platform", name, PLATFORMS)
    make_writable_folder(out.parent)
    if pretrained.is_network(source):
        if options != DEFAULTS:
            raise UsageError(f"{source} is one network and no run: {RUNS_ONLY}")
        network = of_file(source)
    else:
        network = of_run(Path(source), options, say)
    if size and not network.any_size:
        raise UsageError(f"size {size[0]}×{size[1]}: a generator's images have one size; leave --size out")
    program = lower_told(network, source, platforms, size)
    try:
        out.write_bytes(program.serialize())
    except ImportError as error:
        raise UsageError(f"JAX writes such files by another package, pip install flatbuffers ({error})") from None
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return as_text(network, program, out)
