"""The networks that are installed with the package: a safetensors file each, with its model card inside."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from jaxgen.errors import UsageError, unknown
from jaxgen.io import weights
from jaxgen.io.text import parse_json
from jaxgen.models.restoration import ARCHITECTURES
from jaxgen.restoration.pretrained import checks
from jaxgen.restoration.restorer import NetworkSpec, Restorer, compile_module, make_restorer

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"
NETWORKS = {
    "noise_level": "8b325c76ab8797951076c1b57753c6f71c0866a2a2b191a866dc33646a22f5f7",
    "denoise_gray": "86c0a9d00115a715bcfdf63cc600c1ca72d9edb9bbfda0a0f0da8e869127a8c6",
    "denoise_color": "4af8cb2bdf7ee0d0a66ac187251f8625288b8a7d700a16ac0d3f6d105a934010",
    "inpaint_all": "29ea77ba2cd5898de2b1c053f0114265936143504895eb4d2617a5dd888f675b",
    "superres": "f7a631301b7cb39b833b099f0d9011bec89be244ba117016da478c4012c4733b",
    "detect": "72cfc10bb612c40272fe266b5608b3c39fcef3b81ef2c068c2e111df91aeb61c",
    "dehaze": "50f5c7d4dd4c08f45183bc347f3f2d14bc22e2dd0baa3438607587e8fed51ee6",
    "dejpeg": "6d02a3b7e5f0bbbbcd984442d9a7e56fed51bfc767fc40b216d4d28d2210eab7",
    "deblur": "611cd579e127d87873dd70deddf8f26b4737c0fce7ca126a78b1f8092409df1a",
    "detect_lines": "d40f0f3c4a522cebf2626ca0b0b401fe5614cec9549db666beb48eb9c7e7072f",
    "classify_areas": "ee8c0712b29eccbffcb78a9216745875697eab704f7c0909d407d9fafc42f26f",
    "classify_lines": "6f54f02cc45ddf9bcf7faa9198755e51eedbb28c0d6c9344e7f45861f9bc7045",
    "classify_haze": "1906699783e7d89d9139dd0885d105c54dc36214ef456f0882c316f02dba382b",
    "inpaint_lines": "b92afa52c9ad406ae247d7e813559b3119ead1fe88fd811ff508348968830508",
    "inpaint_tight": "d46ba1bc8cde16c1b9d44ea96c8bb618ac06d2f86ca83ac114048d90d6ce4bfd",
    "inpaint_translucent": "1b607d486b48f95025467648a98852e4ca729e5948dcd1dda9c6b75e1016fc39",
}
"""The sha256 of NAME.safetensors in this folder, by name. The card in the file holds all else: see `read_card`."""

Output = Literal["image", "mask", "noise_level", "confidence"]
"""What a network computes: from an image the restored image, the logit of damage at each pixel, or the standard
deviation of the image's noise; from measurements of a region the logit that it is damage."""


class Card(NamedTuple):
    """The model card of a network in a file.

    Attributes:
      architecture: name of its module, one of `ARCHITECTURES`.
      fields: of the module.
      output: what it computes.
      damage: that it was trained on.
      spec: of a network that is applied to images of any size; None where the output is a noise level or a confidence,
        or the file is only for `--init-from`.
      command: that trained it.
      training: the machine and the time that training took; or the authors.
      data: that it was trained on.
      data_license: of these data.
      scores: by test set and damage.
    """

    architecture: str
    fields: dict[str, Any]
    output: Output
    damage: str
    spec: NetworkSpec | None
    command: str
    training: str
    data: str
    data_license: str
    scores: dict[str, str]

    def __str__(self) -> str:
        return to_text(self._asdict() | {"spec": None if self.spec is None else self.spec._asdict()})

    def module(self):
        """Returns the module of the network."""
        return ARCHITECTURES[self.architecture](**self.fields)


def make_card(module, output: Output, spec: NetworkSpec | None, **texts: Any) -> Card:
    """Returns the card of a module.

    Args:
      module: of the network; in a file its class must be one of `ARCHITECTURES`.
      output: what it computes.
      spec: see `Card`.
      **texts: damage, command, training, data, data_license, scores.
    """
    fields = {field.name for field in dataclasses.fields(module)} - checks.NOT_RECORDED
    values = {field: getattr(module, field) for field in sorted(fields)}
    return Card(type(module).__name__, values, output=output, spec=spec, **texts)


def to_metadata(card: Card) -> dict[str, str]:
    """Returns a card as the metadata of a safetensors file."""
    values = card._asdict()
    structured = {
        "fields": card.fields,
        "spec": None if card.spec is None else card.spec._asdict(),
        "scores": card.scores,
    }
    return values | {name: json.dumps(value) for name, value in structured.items()}


def from_metadata(metadata: dict[str, str]) -> Card:
    """Returns the card that `to_metadata` wrote.

    Raises:
      KeyError, TypeError or ValueError: if it is no such card.
    """
    structured = {name: parse_json(metadata[name]) for name in ("fields", "spec", "scores")}
    values: dict[str, Any] = {name: metadata[name] for name in Card._fields} | structured
    for name in ("fields", "spec", "scores"):
        if not isinstance(structured[name], dict) and (name, structured[name]) != ("spec", None):
            raise ValueError(f"{name} is {structured[name]!r:.100}")
    fields, spec = structured["fields"], structured["spec"]
    values["fields"] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    values["spec"] = None if spec is None else NetworkSpec(**spec)
    card = Card(**values)
    if card.output not in get_args(Output):
        raise ValueError(f"output is {card.output!r:.100}")
    if card.spec is not None and card.output in ("noise_level", "confidence"):
        raise ValueError(f"spec is {card.spec} and output {card.output}")
    checks.check_fields(ARCHITECTURES[card.architecture], card.fields)
    if card.spec:
        checks.check_spec(card.spec)
    card.module()
    return card


def find(source: str) -> Path:
    """Returns the file of a shipped network, or of a path.

    Raises:
      UsageError: if it is neither a shipped network's name nor the path of a safetensors file.
    """
    if source in NETWORKS:
        return FOLDER / f"{source}{SUFFIX}"
    if source.endswith(SUFFIX):
        return Path(source)
    raise unknown("shipped network", source, NETWORKS)


def read_card(source: str) -> Card:
    """Returns the card of a network, without reading its variables.

    Args:
      source: name of a shipped network, or the path of a file with a card.
    Raises:
      UsageError: if there is no such file, or it has no card.
    """
    path = find(source)
    metadata = weights.read_metadata(path)
    if metadata.get("architecture") not in ARCHITECTURES:
        raise UsageError(f"{path} does not name one of {', '.join(ARCHITECTURES)}: convert it, or train one")
    try:
        return from_metadata(metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the card of {path} does not fit this version ({error}): write the file again") from None


def read(source: str) -> tuple[Any, Card]:
    """Returns the variables and the card of a network, by which a program of your own applies it.

    card.module().apply(variables, inputs, False) is a pure function of float32[batch, height, width, channels]: images
    in [0, 1] and, behind them, the channel that `card.spec.conditioning` names, the standard deviation of the noise in
    the same units or a mask. `jaxgen.restore` differs near the border, where it pads by reflection.

    Args:
      source: name of a shipped network, or the path of a file with a card.
    Raises:
      UsageError: if there is no such file, it has no card or not the card's arrays, or a shipped one is not the
        recorded file.
    """
    card, path = read_card(source), find(source)
    variables = weights.read(path, NETWORKS.get(source, ""))[0]
    if source not in NETWORKS:
        checks.check_network(path, card, variables)
    return variables, card


def write(path: Path, variables: Any, card: Card) -> str:
    """Writes a network with its card and returns the file's sha256."""
    return weights.write(path, variables, to_metadata(card))


def is_network(source: str) -> bool:
    """Returns whether `read` would look for a network of that name or path."""
    return (source in NETWORKS and not Path(source).exists()) or source.endswith(SUFFIX)


def digest(source: str) -> str:
    """Returns the sha256 of a network's file."""
    return weights.digest(find(source))


def describe(source: str) -> dict[str, Any]:
    """Returns the card of a network and its file's sha256 as JSON can hold them; see `read_card`."""
    card = read_card(source)
    spec = None if card.spec is None else card.spec._asdict()
    return {"sha256": digest(source)} | card._asdict() | {"spec": spec}


def to_text(description: dict[str, Any]) -> str:
    """Returns what `describe` returned as lines of text."""
    values = description | (description["spec"] or {})
    lines = [f"{name.replace('_', ' '):24} {value}" for name, value in values.items() if name not in {"spec", "scores"}]
    return "\n".join([*lines, "scores", *(f"  {name}: {score}" for name, score in description["scores"].items())])


def require_images(source: str, card: Card) -> None:
    """Raises UsageError for a network that takes no images."""
    if card.output == "confidence":
        raise UsageError(
            f"{source} classifies regions that detectors find, and takes no images: choose another network"
        )


def load_restorer(source: str) -> Restorer:
    """Returns a network that restores images, or raises UsageError where its output is another; see `read`."""
    return load(source, "image")


def load(source: str, output: Output) -> Restorer:
    """Returns a network that is applied to images of any size, or raises UsageError where its output is another."""
    variables, card = read(source)
    require_images(source, card)
    if card.output != output or card.spec is None:
        raise wrong_output(source, card, output)
    return make_restorer(card.module(), variables, card.spec)


def load_noise_estimator(source: str = "noise_level") -> Callable[[np.ndarray], np.ndarray]:
    """Returns a network that estimates the noise level, float32[b, h, w, 1] -> float32[b]; see `read`."""
    return load_function(source, "noise_level")


def load_function(source: str, output: Output) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a network as a function of arrays, or raises UsageError where its output is another; see `read`."""
    variables, card = read(source)
    if card.output != output:
        raise wrong_output(source, card, output)
    return compile_module(card.module(), variables)


def wrong_output(source: str, card: Card, wanted: Output) -> UsageError:
    """Returns the error for a network whose output is not the wanted one."""
    if card.output == wanted:
        return UsageError(f"the card of {source} does not say which images it takes (spec): choose another network")
    return UsageError(f"the output of {source} is {card.output} and not {wanted}: choose another network")
