"""Restorers that come with the installation, made by `scripts/results restorers`; each file is its own model card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen import weights
from jaxgen.errors import UsageError, unknown
from jaxgen.inference.restorer import Restorer, Traits, make_restorer
from jaxgen.models.dncnn import DnCNN
from jaxgen.models.ffdnet import FFDNet
from jaxgen.models.noise_level import NoiseLevel
from jaxgen.models.residual_unet import ResidualUNet
from jaxgen.models.srresnet import SRResNet

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"
NETWORKS = {network.__name__: network for network in (ResidualUNet, DnCNN, FFDNet, NoiseLevel, SRResNet)}

FILES = {
    "noise_level": "e1e28751f46424e95d728747b2505cffc07c2ab52f9ab6620d62af6e27b8f673",
    "denoise_gray": "8e43a617c56f4819437b74a75da47708c470b63a4410d634b159c2761e706429",
}
"""The sha256 of NAME.safetensors in this folder, by name."""


class Card(NamedTuple):
    """What a network in a file is.

    Attributes:
      sha256: of its file.
      network: name of its module, one of `NETWORKS`.
      fields: of the module.
      traits: of a restorer, None of what restores nothing.
      command: what made the file.
      trained: on what machine, and for how long; or by whom.
      data: what it was trained on.
      terms: under which these data are published.
      scores: what it reaches, by test set and damage.
    """

    sha256: str
    network: str
    fields: dict[str, Any]
    traits: Traits | None
    command: str
    trained: str
    data: str
    terms: str
    scores: dict[str, str]


def about(module, traits: Traits | None, **told: Any) -> dict[str, str]:
    """Returns a card as words by name, as it is kept in a file of weights.

    Args:
      module: of the network; its class is one of `NETWORKS`.
      traits: of a restorer, None of what restores nothing.
      **told: command, trained, data, terms, scores.
    """
    kept = set(NETWORKS[type(module).__name__].__dataclass_fields__) - {"parent", "name", "dtype", "param_dtype"}
    fields = {field: getattr(module, field) for field in sorted(kept)}
    return told | {
        "network": type(module).__name__,
        "fields": json.dumps(fields),
        "traits": json.dumps(traits and traits._asdict()),
        "scores": json.dumps(told["scores"]),
    }


def read(source: str) -> tuple[Any, Card]:
    """Returns the variables and the card of a network.

    Args:
      source: name of a shipped one, or the path of a file that `about` describes.
    Raises:
      UsageError: if there is none, or its file is missing, not the recorded one, or without a card.
    """
    if source in FILES:
        path = FOLDER / f"{source}.safetensors"
    elif source.endswith(SUFFIX):
        path = Path(source)
    else:
        raise unknown("shipped network", source, FILES)
    variables, told = weights.read(path, FILES.get(source, ""))
    if told.get("network") not in NETWORKS:
        raise UsageError(f"{path} does not tell which of {', '.join(NETWORKS)} it holds: convert it, or train one")
    fields, traits = json.loads(told["fields"]), json.loads(told["traits"])
    return variables, Card(
        sha256=FILES.get(source) or weights.digest(path),
        network=told["network"],
        fields={field: tuple(value) if isinstance(value, list) else value for field, value in fields.items()},
        traits=traits and Traits(**traits),
        command=told["command"],
        trained=told["trained"],
        data=told["data"],
        terms=told["terms"],
        scores=json.loads(told["scores"]),
    )


def is_known(source: str) -> bool:
    """Returns whether `read` would look for a network of that name or path."""
    return (source in FILES and not Path(source).exists()) or source.endswith(SUFFIX)


def as_json(card: Card) -> dict[str, Any]:
    """Returns a card as JSON can hold it."""
    return card._asdict() | {"traits": card.traits and card.traits._asdict()}


def as_text(card: Card) -> str:
    """Returns a card as lines for a person."""
    told = card._asdict() | (card.traits._asdict() if card.traits else {})
    scores = [f"  {name}: {score}" for name, score in card.scores.items()]
    return "\n".join(
        [f"{name.replace('_', ' '):14} {value}" for name, value in told.items() if name not in {"traits", "scores"}]
        + ["scores", *scores]
    )


def load_restorer(source: str) -> Restorer:
    """Returns a network that restores pictures, or raises UsageError where it does not; see `read`."""
    variables, card = read(source)
    if card.traits is None:
        raise UsageError(f"{source} restores nothing: it tells the level of noise")
    return make_restorer(NETWORKS[card.network](**card.fields), variables, card.traits)


def load_noise_level(source: str = "noise_level") -> Callable[[np.ndarray], np.ndarray]:
    """Returns a network that tells the level of noise, (float32[b, h, w, 1]) -> float32[b]; see `read`."""
    variables, card = read(source)
    module, placed = NETWORKS[card.network](**card.fields), jax.device_put(variables)
    compiled = jax.jit(lambda variables, images: module.apply(variables, images, False))
    return lambda images: np.asarray(compiled(placed, images))
