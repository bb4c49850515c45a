"""`jaxgen evaluate`: scores of a generator, a classifier, a restorer, or a variational autoencoder's likelihood."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from jaxgen.commands.options import CheckpointOptions, EvaluationSeed, LatentOptions, RangedOptions
from jaxgen.errors import UsageError
from jaxgen.evaluation.denoisers import DENOISERS
from jaxgen.fields import GrayLevels, PositiveInt, Range
from jaxgen.metrics.image import METRICS, default_metrics
from jaxgen.metrics.masked import INPAINTING_METRICS, MASKED_METRICS
from jaxgen.metrics.protocols import PROTOCOLS

# A type checker knows no computed Literal.
if TYPE_CHECKING:
    from jaxgen.runs.reopen import Built

    Protocol = str
    Metric = str
    Denoiser = str
else:
    Protocol = Literal[*PROTOCOLS]
    Metric = Literal[*METRICS, *MASKED_METRICS]
    Denoiser = Literal[*DENOISERS]

COUNT = 10_000
MAX_CODES = 1_000_000
"""Largest number of codes of an image: 200 times as many as the likelihoods of papers take."""


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions(LatentOptions):
    """Without --images and --likelihood: FID, KID, precision, recall and more of generated images."""

    extractor: str | None = None
    """Network whose features are compared: auto (the classifier that is shipped for the run's data), the name of a
    shipped classifier, or a file of weights that jaxgen convert inception (FID), dinov2 (FD-DINOv2) or clip (CMMD)
    writes (default: auto)."""
    restore: str | None = None
    """Restore the generated images first, by a task of `jaxgen restore`."""


def describe_metrics() -> str:
    """Returns the help of --metrics: what each metric is."""
    about = "; ".join(f"{name}: {metric.about}" for name, metric in (METRICS | MASKED_METRICS).items())
    defaults = f"default: {' '.join(default_metrics())}; of inpainting {' '.join(INPAINTING_METRICS)}"
    return f"Metrics, a column each ({defaults}). {about}."


@dataclass(frozen=True, kw_only=True)
class RestorerOptions(RangedOptions):
    """With --images: metrics of a restorer on folders of clean images, which are degraded first; of detect the
    intersection over union, precision and recall of the damage that is found."""

    images: tuple[Path, ...] = ()
    """Folders of clean images; of damaged ones with --masks."""
    metrics: Annotated[tuple[Metric, ...], tyro.conf.arg(help=describe_metrics())] = ()
    metric_weights: tuple[Path, ...] = ()
    """Files with the networks of lpips and dists, or other parameters of niqe, which jaxgen convert lpips, dists and
    niqe write."""
    baselines: tuple[Denoiser, ...] = ()
    """Also measure denoisers of other libraries, at the true noise level: non-local-means, and bm3d (slow;
    pip install bm3d, for non-commercial research alone)."""
    masks: tuple[Path, ...] = ()
    """For detect: a folder of masks for each folder of damaged photographs, white where they are damaged, of the same
    names or as in photo_mask.png (default: the damages of the benchmark on clean images)."""
    sigma: tuple[GrayLevels, ...] | None = None
    """Noise levels for a denoiser, in gray levels of 0-255 (default: 15 25 50)."""
    protocol: tuple[Protocol, ...] | None = None
    """Color space and border of the comparison, one for all folders or one for each (default: gray8 or rgb8, by the
    restorer). Gray images in a folder count as color images of three equal channels."""
    ensemble: bool = False
    """Also score the mean over eight flipped and rotated views, which takes 8 times as long."""


@dataclass(frozen=True, kw_only=True)
class LikelihoodOptions(RangedOptions):
    """With --likelihood: log-likelihood of real images under a variational autoencoder, by importance sampling."""

    likelihood: Annotated[int, Range(minimum=1, maximum=MAX_CODES)] | None = None
    """Codes that are drawn for each image, for example 5000."""
    chunk_size: PositiveInt | None = None
    """Codes of one image in memory at the same time (default: as many as fit)."""


@dataclass(frozen=True, kw_only=True)
class RealImageOptions(RangedOptions):
    """The real images of the run's data, for a generator, a classifier or a likelihood."""

    count: PositiveInt | None = None
    """Number of images, at most those of the split (default: 10000)."""
    reference: Literal["test", "train"] | None = None
    """Split of the real images (default: test)."""


@dataclass(frozen=True, kw_only=True)
class Command(CheckpointOptions):
    """Scores a run or a restorer. Prints the result and appends it to RUN/evaluations.jsonl.

    Examples:
        jaxgen evaluate runs/wgan_gp
        jaxgen evaluate runs/classifier
        jaxgen evaluate denoise_gray --images FOLDER --sigma 15 25 50
        jaxgen evaluate superres --images SET5 BSD68 --protocol y601-shave4 rgb8
        jaxgen evaluate dejpeg --images DIR --metrics lpips --metric-weights FILE
        jaxgen evaluate detect --images FOLDER
        jaxgen evaluate runs/conv_vae --likelihood 5000
    """

    run: Positional[Path]
    """Run folder; with --images also a shipped restorer or a .safetensors file."""
    seed: EvaluationSeed = 0
    """Seed of the latents, codes or degradations."""
    json: bool = False
    """Print one JSON object."""
    out: Path | None = None
    """File that the result is appended to as a line of JSON (default: RUN/evaluations.jsonl; of a network none)."""
    real: OmitArgPrefixes[RealImageOptions] = RealImageOptions()
    generator: OmitArgPrefixes[GeneratorOptions] = GeneratorOptions()
    restorer: OmitArgPrefixes[RestorerOptions] = RestorerOptions()
    vae: OmitArgPrefixes[LikelihoodOptions] = LikelihoodOptions()

    def __call__(self) -> None:
        """Prints the scores of the chosen kind."""
        if self.restorer.images:
            refuse(self.real, self.generator, self.vae, reason="it has no effect beside --images")
            self.evaluate_restorer()
        elif self.vae.likelihood is not None:
            refuse(self.generator, self.restorer, reason="it has no effect beside --likelihood")
            self.evaluate_likelihood(self.vae.likelihood)
        else:
            refuse(self.restorer, reason="it is for a restorer: give --images FOLDER")
            refuse(self.vae, reason="it is for --likelihood")
            self.evaluate_run()

    def evaluate_run(self) -> None:
        """Prints scores of a classifier, or of generated images."""
        from jaxgen.runs import reopen

        built = reopen.build(self.run, self.open_options())
        if built.objective.classifying:
            refuse(self.generator, reason="it is for a generator, and this run is a classifier")
            self.evaluate_classifier(built)
        else:
            self.evaluate_generator(built)

    def evaluate_classifier(self, built: "Built") -> None:
        """Prints scores of a classifier."""
        from jaxgen.evaluation import classification
        from jaxgen.runs.classifying import evaluate_classifier

        evaluate_classifier(
            built,
            count=self.real.count or COUNT,
            reference=self.real.reference or "test",
            options=self.open_options(),
            out=self.out,
            show=lambda scores: self.show(scores, classification.to_text),
        )

    def evaluate_generator(self, built: "Built") -> None:
        """Prints scores of generated images."""
        from jaxgen.evaluation import report
        from jaxgen.runs import scoring

        generator = self.generator
        scoring.evaluate_run(
            built,
            extractor=generator.extractor or "auto",
            count=self.real.count or COUNT,
            reference=self.real.reference or "test",
            seed=self.seed,
            options=self.open_options(),
            mixture=generator.mixture or 0,
            truncation=generator.truncation or 0.0,
            restore=generator.restore or "",
            out=self.out,
            show=lambda scores: self.show(scores, report.to_text),
        )

    def evaluate_likelihood(self, samples: int) -> None:
        """Prints the likelihood of real images, from so many codes of each."""
        from jaxgen.evaluation import likelihood
        from jaxgen.runs import scoring

        scoring.evaluate_likelihood(
            self.run,
            samples,
            count=self.real.count or COUNT,
            chunk_size=self.vae.chunk_size or 0,
            reference=self.real.reference or "test",
            seed=self.seed,
            options=self.open_options(),
            out=self.out,
            show=lambda scores: self.show(scores, likelihood.to_text),
        )

    def evaluate_restorer(self) -> None:
        """Prints scores of a restorer."""
        from jaxgen.allocator import keep_freed_memory
        from jaxgen.runs import restorer_scoring
        from jaxgen.runs.command_line import use_compilation_cache

        keep_freed_memory()
        use_compilation_cache()
        restorer_scoring.evaluate(
            self.run,
            [str(folder) for folder in self.restorer.images],
            sigmas=self.restorer.sigma,
            protocols=self.restorer.protocol,
            ensemble=self.restorer.ensemble,
            baselines=self.restorer.baselines,
            metrics=self.restorer.metrics or None,
            metric_weights=self.restorer.metric_weights,
            masks=[str(folder) for folder in self.restorer.masks],
            seed=self.seed,
            options=self.open_options(),
            out=self.out,
            show=lambda scores: self.show(scores, restorer_scoring.to_text),
        )

    def show(self, scores: dict[str, Any], to_text: Callable[[dict[str, Any]], str]) -> None:
        """Prints a result."""
        print(json.dumps(scores) if self.json else to_text(scores), flush=True)


def refuse(*groups: Any, reason: str) -> None:
    """Raises UsageError for an option of these groups that was given, since it would have no effect."""
    for group in groups:
        for field in dataclasses.fields(group):
            if getattr(group, field.name) != field.default:
                raise UsageError(f"--{field.name.replace('_', '-')}: {reason}")
