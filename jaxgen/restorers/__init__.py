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
from jaxgen.models.noise_level import NoiseLevel
from jaxgen.models.residual_unet import ResidualUNet

FOLDER = Path(__file__).parent
NETWORKS = {"ResidualUNet": ResidualUNet, "NoiseLevel": NoiseLevel}

FILES: dict[str, str] = {}
"""The sha256 of NAME.safetensors in this folder, by name."""


class Card(NamedTuple):
    """What a shipped network is.

    Attributes:
      sha256: of its file.
      network: name of its module, one of `NETWORKS`.
      fields: of the module.
      traits: of a restorer, None of what restores nothing.
      command: how it was trained.
      trained: on what machine, and for how long.
      data: what it was trained on.
      terms: under which these data are published.
      scores: what it reaches, by test set and protocol.
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


def read(name: str) -> tuple[Any, Card]:
    """Returns the variables and the card of a shipped network.

    Raises:
      UsageError: if there is none of that name, or its file is missing or not the recorded one.
    """
    if name not in FILES:
        raise unknown("shipped network", name, FILES)
    variables, told = weights.read(FOLDER / f"{name}.safetensors", FILES[name])
    return variables, Card(
        sha256=FILES[name],
        network=told["network"],
        fields={field: tuple(v) if isinstance(v, list) else v for field, v in json.loads(told["fields"]).items()},
        traits=Traits(**json.loads(told["traits"])) if "traits" in told else None,
        command=told["command"],
        trained=told["trained"],
        data=told["data"],
        terms=told["terms"],
        scores=json.loads(told["scores"]),
    )


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


def load_restorer(name: str) -> Restorer:
    """Returns a shipped network that restores pictures, or raises UsageError where it does not; see `read` too."""
    variables, card = read(name)
    if card.traits is None:
        raise UsageError(f"{name} restores nothing: it tells the level of noise")
    return make_restorer(NETWORKS[card.network](**card.fields), variables, card.traits)


def load_noise_level() -> Callable[[np.ndarray], np.ndarray]:
    """Returns the shipped network that tells the level of noise, (float32[b, h, w, 1]) -> float32[b]."""
    variables, card = read("noise_level")
    module, placed = NETWORKS[card.network](**card.fields), jax.device_put(variables)
    compiled = jax.jit(lambda variables, images: module.apply(variables, images, False))
    return lambda images: np.asarray(compiled(placed, images))
