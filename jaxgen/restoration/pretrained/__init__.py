"""Restorers that come with the installation, made by `scripts/results restorers`; each file is its own model card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io import weights
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.models.restoration.detector import Detector
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.models.restoration.inpainter import Mender
from jaxgen.models.restoration.noise_estimator import NoiseLevel
from jaxgen.models.restoration.patch_inpainter import PatchMender
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.models.restoration.unet import UNet
from jaxgen.restoration.restorer import Restorer, Traits, make_restorer

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"
NETWORKS = {
    network.__name__: network
    for network in (
        Dehazer,
        Detector,
        DnCNN,
        FFDNet,
        Mender,
        NoiseLevel,
        PatchMender,
        ResidualUNet,
        SRResNet,
        UNet,
    )
}

Gives = Literal["pictures", "masks", "levels"]
"""What a network makes of a picture: the restored one, where it is damaged, or how strong its noise is."""

FILES = {
    "noise_level": "dacb691624ecbad7b6b4a01191674ea60ec82aa0943d33743f083af1596fd07c",
    "denoise_gray": "b3c2fddf222c0d6d807a12188708bab654e5c404ec69b3df2a6eb5561ea9cc0a",
    "denoise_color": "8ce199c807fbb3ee78f00420ce5faf9bd73a1b1df65f31a3d1af10db5f110363",
    "mend": "c9186b668d91d805ec7dd0a82fb95ef82fa7b4e82b06f4ff1cc60c07db9fb4c9",
    "superres": "36244abd272627ab7b6ec1ee512bc19b9947b74717f74ef53862c47fb46b280a",
    "detect": "991121c8bbd0ca2946f82488904ec187ccb47b336d6efdd57479ad010834d13f",
    "dehaze": "4bba08252176743e9011566a4c9b75bee843a6a5b048a24aa37fb6ba38f5ae59",
    "dejpeg": "e95c65379401dd6ce40f92a093f834d3b9b0d613165e0efad96f8d1261b77b1b",
    "deblur": "5d4ecf9bcaf6710e60b0206f51a8ab991ae075056bdd4bc657535be8b45c9dfa",
    "detect_lines": "95264c2234240509ff6e0181f6db960184e33215fe731b4c7d0698e554d20a41",
    "mend_lines": "3e031d4bc4159e2259c77af6013b238302e3c0c873c233c021b2c9839756a9cd",
    "mend_traced": "709316fc4e8104cfe1afc8a59d50793e7d72a4758a9ab6d3d0e8b7ef0e5f5f16",
    "mend_veil": "52a349cc2628cc1f9f490e41008f24d7071ad408b983a2dad4c5cb81fb48d5d3",
}
"""The sha256 of NAME.safetensors in this folder, by name."""


class Card(NamedTuple):
    """What a network in a file is.

    Attributes:
      sha256: of its file.
      network: name of its module, one of `NETWORKS`.
      fields: of the module.
      gives: what it makes of a picture.
      damage: that it was trained on.
      traits: of what is applied to pictures of any size; None of what tells levels.
      command: what made the file.
      trained: on what machine, and for how long; or by whom.
      data: what it was trained on.
      terms: under which these data are published.
      scores: what it reaches, by test set and damage.
    """

    sha256: str
    network: str
    fields: dict[str, Any]
    gives: Gives
    damage: str
    traits: Traits | None
    command: str
    trained: str
    data: str
    terms: str
    scores: dict[str, str]


def about(module, gives: Gives, traits: Traits | None, **told: Any) -> dict[str, str]:
    """Returns a card as words by name, as it is kept in a file of weights.

    Args:
      module: of the network; its class is one of `NETWORKS`.
      gives: what it makes of a picture.
      traits: of what is applied to pictures of any size; None of what tells levels.
      **told: damage, command, trained, data, terms, scores.
    """
    kept = set(NETWORKS[type(module).__name__].__dataclass_fields__) - {"parent", "name", "dtype", "param_dtype"}
    fields = {field: getattr(module, field) for field in sorted(kept)}
    return told | {
        "network": type(module).__name__,
        "fields": json.dumps(fields),
        "gives": gives,
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
    try:
        return variables, as_card(told, FILES.get(source) or weights.digest(path))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"the card of {path} is not as this version writes it ({error}): make the file again"
        ) from None


def as_card(told: dict[str, str], sha256: str) -> Card:
    """Returns the card that `about` wrote as words, or raises KeyError, TypeError or ValueError where it is no card."""
    fields, traits = json.loads(told["fields"]), json.loads(told["traits"])
    NETWORKS[told["network"]](**fields)
    return Card(
        sha256=sha256,
        network=told["network"],
        fields={field: tuple(value) if isinstance(value, list) else value for field, value in fields.items()},
        gives=told["gives"],
        damage=told["damage"],
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
    return load(source, "pictures")


def load(source: str, gives: Gives) -> Restorer:
    """Returns a network that is applied to pictures of any size, or raises UsageError where it gives something else."""
    variables, card = read(source)
    check(source, card, gives)
    return make_restorer(NETWORKS[card.network](**card.fields), variables, card.traits)


def load_noise_level(source: str = "noise_level") -> Callable[[np.ndarray], np.ndarray]:
    """Returns a network that tells the level of noise, (float32[b, h, w, 1]) -> float32[b]; see `read`."""
    variables, card = read(source)
    check(source, card, "levels")
    module, placed = NETWORKS[card.network](**card.fields), jax.device_put(variables)
    compiled = jax.jit(lambda variables, images: module.apply(variables, images, False))
    return lambda images: np.asarray(compiled(placed, images))


def check(source: str, card: Card, gives: Gives) -> None:
    """Raises UsageError where a network gives something else than it is wanted for."""
    if card.gives != gives:
        raise UsageError(f"{source} gives {card.gives} and not {gives}: take another network")
