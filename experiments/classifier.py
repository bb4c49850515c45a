"""Classifies small images; its features score generated ones.

    python experiments/classifier.py                                # digits, 28×28
    python experiments/classifier.py --variant binary --positive 3  # is it a 3?

The features serve where ImageNet's classes mean nothing. Three convolutions and two dense layers, softmax cross-entropy
from integer labels; the variant binary has one logit. The three classifiers that jaxgen ships are trained by the
command below; their files hold their options.

Family: Detection, classification, estimation
Source: none; the usual small network
Command: scripts/results classifiers mnist --dir DIR
Score: accuracy 0.992 on MNIST's test images, one seed
Time: 160 s on two shared cores
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxgen.config import Condition, Hyper, compute_dtype, objective_options
from jaxgen.config import Config as BaseConfig
from jaxgen.data import Config as DataConfig
from jaxgen.fields import NonNegativeInt
from jaxgen.models.features.classifier import BinaryClassifier, Classifier
from jaxgen.objectives.classification import make_classification
from jaxgen.runs.command_line import run_script
from jaxgen.training.state import Objective


@dataclass(frozen=True)
class Config(BaseConfig):
    """Options of this experiment."""

    variant: Literal["plain", "binary"] = "plain"
    """A logit for each class, or one logit of one class against all the others."""
    positive: NonNegativeInt = 1
    """The positive class of the variant binary."""
    batch_size: int = 128
    evaluate_images: int = 10_000
    """Held-out images in an evaluation."""
    data: DataConfig = DataConfig(name="digits", size=28, channels=1, classes=10)
    hyper: Hyper = Hyper(learning_rate=1e-3)

    conditions: ClassVar[tuple[Condition, ...]] = (
        *BaseConfig.conditions,
        Condition(("positive",), "set variant to binary", lambda config: config.variant == "binary"),
    )


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective of a configuration."""
    classes, dtype = config.data.classes, compute_dtype(config)
    is_binary = config.variant == "binary"
    return make_classification(
        BinaryClassifier(dtype=dtype) if is_binary else Classifier(classes, dtype=dtype),
        classes=classes,
        positive=config.positive if is_binary else None,
        **objective_options(config, axis_name),
    )


if __name__ == "__main__":
    run_script(Config, build, __doc__)
