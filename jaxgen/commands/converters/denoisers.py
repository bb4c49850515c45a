"""Published weights of DnCNN and FFDNet: from PyTorch's or MatConvNet's files to variables of `jaxgen.models`.

PyTorch's are state dicts of KAIR (github.com/cszn/KAIR): model.N.weight and model.N.bias of each convolution in order,
and of batch norms where a network was trained with them. MatConvNet's (github.com/cszn/DnCNN, github.com/cszn/FFDNet)
are a struct `net` whose layers hold their weights.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.commands.converters import state_dict
from jaxgen.commands.converters.mat import read_mat as read_mat_variables
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import measure_spec

EPSILON = 1e-4
"""Of the batch norms of both sources; a state dict does not contain it."""
BLOCK = 4
"""Pixels of FFDNet's pixel unshuffle, 2x2."""


class Layer(NamedTuple):
    """A convolution.

    Attributes:
      kernel: float64[height, width, input channel, output channel].
      bias: float64[output channel].
    """

    kernel: np.ndarray
    bias: np.ndarray


def from_state_dict(state: Mapping[str, np.ndarray], path: Path) -> list[Layer]:
    """Returns the convolutions of a state dict, each batch norm folded into the one before it."""
    layers: list[Layer] = []
    for prefix in sorted({name.rpartition(".")[0] for name in state}, key=layer_index):
        part = lambda name, prefix=prefix: np.asarray(state[f"{prefix}.{name}"], np.float64)
        if f"{prefix}.weight" not in state:
            named = prefix or "a tensor without a layer"
            raise UsageError(f"{path}: {named} has no weight: give weights of DnCNN or FFDNet")
        if part("weight").ndim == 4:
            kernel = part("weight").transpose(2, 3, 1, 0)
            layers.append(Layer(kernel, part("bias") if f"{prefix}.bias" in state else np.zeros(kernel.shape[3])))
        elif f"{prefix}.running_var" in state and layers:
            scale = part("weight") / np.sqrt(part("running_var") + EPSILON)
            layers.append(fold(layers.pop(), scale, part("bias"), part("running_mean")))
        else:
            raise UsageError(f"{path}: {prefix} is no convolution and no batch norm: give weights of DnCNN or FFDNet")
    return layers


def layer_index(prefix: str) -> int:
    """Returns the number at the end of a layer's name, 4 of model.4, or -1."""
    number = prefix.rpartition(".")[2]
    return int(number) if number.isdecimal() else -1


def fold(layer: Layer, scale: np.ndarray, shift: np.ndarray, mean: np.ndarray) -> Layer:
    """Returns one convolution that equals a convolution followed by (x − mean) · scale + shift."""
    return Layer(layer.kernel * scale, (layer.bias - mean) * scale + shift)


def read_mat(path: Path) -> list[Layer]:
    """Returns the convolutions of a MatConvNet network in a .mat file of MATLAB up to version 7."""
    held = "struct `net` with layers of a MatConvNet network"
    try:
        contents = [dict(layer) for layer in read_mat_variables(path, ("net",), held)["net"]["layers"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} holds no {held} ({error}): give a file that does") from None
    layers: list[Layer] = []
    for layer in contents:
        values = [np.asarray(value, np.float64) for value in layer.get("weights", ())]
        if layer["type"] == "conv":
            layers.append(convolution(*values))
        elif layer["type"] == "bnorm" and layers:
            # MatConvNet keeps mean and standard deviation, epsilon included.
            mean, deviation = values[2].reshape(-1, 2).T
            layers.append(fold(layers.pop(), values[0].ravel() / deviation, values[1].ravel(), mean))
        elif layer["type"] not in ("relu", "loss", "SubP", "concat"):
            raise UsageError(f"{path} has a layer {layer['type']}: give a network of DnCNN or FFDNet")
    return to_row_major(layers) if any(layer["type"] == "SubP" for layer in contents) else layers


def convolution(kernel: np.ndarray, bias: np.ndarray) -> Layer:
    """Returns a convolution from MATLAB's arrays, which have no axes of length one (here: none anywhere)."""
    bias = bias.ravel()
    return Layer(kernel.reshape(*kernel.shape[:2], -1, bias.size), bias)


def to_row_major(layers: list[Layer]) -> list[Layer]:
    """Returns FFDNet's layers for a row-major pixel unshuffle; MATLAB's is column-major."""
    first, last = layers[0], layers[-1]
    channels = last.kernel.shape[3]
    order = np.arange(channels).reshape(-1, 2, 2).swapaxes(1, 2).ravel()
    inputs = np.concatenate([order, np.arange(channels, first.kernel.shape[2])])
    layers = [Layer(first.kernel[:, :, inputs], first.bias), *layers[1:]]
    return [*layers[:-1], Layer(layers[-1].kernel[..., order], layers[-1].bias[order])]


def read_state_dict(path: Path) -> list[Layer]:
    """Returns the convolutions of a state dict."""
    return from_state_dict(state_dict.READERS[path.suffix](path), path)


READERS = dict.fromkeys(state_dict.READERS, read_state_dict) | {".mat": read_mat}


class Network(NamedTuple):
    """A denoiser of `jaxgen.models`.

    Attributes:
      name: "dncnn" (without batch norm) or "ffdnet".
      channels: of its images.
      layers: its convolutions.
    """

    name: str
    channels: int
    layers: Sequence[Layer]

    def variables(self) -> dict:
        """Returns {"params": nested dicts of float32 arrays}."""
        last = len(self.layers) - 1
        params: dict = {}
        for i, (kernel, bias) in enumerate(self.layers):
            leaves = {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
            if self.name == "ffdnet":
                params[f"conv_{i}"] = leaves
            elif i in (0, last):
                params["first" if i == 0 else "last"] = leaves
            else:
                params[f"block_{i - 1}"] = {"conv": leaves}
        return {"params": params}

    def module(self) -> DnCNN | FFDNet:
        """Returns the module that the variables are of."""
        depth, width = len(self.layers), self.layers[0].bias.size
        if self.name == "ffdnet":
            return FFDNet(depth=depth, width=width, channels=self.channels)
        return DnCNN(depth=depth, width=width, channels=self.channels, batch_norm=False)

    def card(self, source: Path) -> pretrained.Card:
        """Returns the model card of the file."""
        module = self.module()
        conditioning = "noise_level" if self.name == "ffdnet" else "none"
        spec = measure_spec(module, self.variables(), self.channels, conditioning)
        return pretrained.make_card(
            module,
            "image",
            spec,
            damage="noise",
            command="jaxgen convert denoiser",
            training=f"by those who published {source.name}, sha256 {weights.digest(source)}",
            data="see the publication",
            data_license="see the publication",
            scores={},
        )


def recognize(layers: Sequence[Layer], path: Path) -> Network:
    """Returns the network that consists of these convolutions, by its input and output channels.

    Raises:
      UsageError: if they are neither DnCNN's nor FFDNet's.
    """
    shapes = [layer.kernel.shape for layer in layers]
    joined = all(a[3] == b[2] for a, b in pairwise(shapes))
    if len(layers) > 2 and joined and all(shape[:2] == (3, 3) for shape in shapes):
        inputs, outputs = shapes[0][2], shapes[-1][3]
        if inputs == outputs:
            return Network("dncnn", inputs, layers)
        if outputs % BLOCK == 0 and inputs == outputs + 1:
            return Network("ffdnet", outputs // BLOCK, layers)
    raise UsageError(
        f"{path} has convolutions {', '.join('x'.join(map(str, shape)) for shape in shapes) or 'none'}: "
        "give the weights of DnCNN or FFDNet, which are 3x3 in a chain"
    )


def convert(source: Path, target: Path) -> str:
    """Writes published weights as safetensors and returns the new file's sha256.

    Args:
      source: a state dict (.pth, .pt or .safetensors) or a MatConvNet network (.mat).
      target: the file to write.
    Raises:
      UsageError: if the source cannot be read or is another network, or the target cannot be written.
    """
    read = state_dict.choose_reader(source, READERS, "give the published weights")
    network = recognize(read(source), source)
    return pretrained.write(target, network.variables(), network.card(source))
