"""DINOv2's and CLIP's weights: from published state dicts to the variables of `jaxgen.models.features.vit`."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgen.commands.converters.state_dict import READERS, Source, choose_reader
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.models.features.vit import HEAD_CHANNELS, VARIANTS
from jaxgen.sampling import cubic

DINOV2_URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"
CLIP_URL = "https://huggingface.co/openai/clip-vit-large-patch14-336/resolve/main/model.safetensors"
DINOV2_SIZE = 224
"""Height and width of the images of FD-DINOv2 in pixels; DINOv2 was trained on larger ones."""
OFFSET = 0.1
"""Added to the new number of positions of a row before DINOv2 divides it by the old one."""
SHARPNESS = -0.75
"""a of PyTorch's cubic kernel."""
MAX_WIDTH = 1024
"""Channels of ViT-L/14. DINOv2's ViT-g/14 has other hidden layers, and OpenCLIP's ViT-H/14 other heads."""


class Parts(NamedTuple):
    """Names in a state dict.

    Attributes:
      variant: name in `models.features.vit.VARIANTS`.
      advice: where to get it, for errors.
      token: the class token.
      positions: the position embeddings.
      patches: the convolution of the patches.
      block: the prefix of the block of a number, with {}.
      layers: names of a block's layers, by ours.
      norms: names of the layer norms outside of blocks, by ours.
      projection: the linear map at the end; empty: none.
      size: height and width of the images that are compared, to which positions are interpolated; 0: as trained.
    """

    variant: Literal["DINOv2", "CLIP"]
    advice: str
    token: str
    positions: str
    patches: str
    block: str
    layers: dict[str, str]
    norms: dict[str, str]
    projection: str = ""
    size: int = 0


DINOV2 = Parts(
    "DINOv2",
    f"give ViT-S/14, B/14 or L/14 without registers; that of published scores is {DINOV2_URL}",
    "cls_token",
    "pos_embed",
    "patch_embed.proj",
    "blocks.{}.",
    {"norm_1": "norm1", "norm_2": "norm2", "attention_out": "attn.proj", "mlp_in": "mlp.fc1", "mlp_out": "mlp.fc2"},
    {"norm_last": "norm"},
    size=DINOV2_SIZE,
)
CLIP = Parts(
    "CLIP",
    f"give OpenAI's CLIP in the format of Hugging Face; that of published scores is {CLIP_URL}",
    "vision_model.embeddings.class_embedding",
    "vision_model.embeddings.position_embedding.weight",
    "vision_model.embeddings.patch_embedding",
    "vision_model.encoder.layers.{}.",
    {
        "norm_1": "layer_norm1",
        "norm_2": "layer_norm2",
        "query": "self_attn.q_proj",
        "key": "self_attn.k_proj",
        "value": "self_attn.v_proj",
        "attention_out": "self_attn.out_proj",
        "mlp_in": "mlp.fc1",
        "mlp_out": "mlp.fc2",
    },
    # Their name has this spelling.
    {"norm_first": "vision_model.pre_layrnorm", "norm_last": "vision_model.post_layernorm"},
    "visual_projection",
)


def shape_of(source: Source, name: str) -> tuple[int, ...]:
    """Returns the shape of an array, or raises UsageError if it is missing."""
    if name not in source.state:
        raise UsageError(f"{source.path} is not {source.network}: {name} is missing; {source.advice}")
    return np.shape(source.state[name])


def dense(kernel: np.ndarray, bias: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns a dense layer's parameters from PyTorch's."""
    return {"kernel": kernel.T} | ({} if bias is None else {"bias": bias})


def block_params(source: Source, prefix: str, layers: dict[str, str], width: int) -> dict[str, Any]:
    """Returns the parameters of a block."""
    params: dict[str, Any] = {}
    for ours, theirs in layers.items():
        name = f"{prefix}{theirs}"
        if ours.startswith("norm"):
            params[ours] = norm_params(source, name, width)
            continue
        inputs, outputs = 4 * width if ours == "mlp_out" else width, 4 * width if ours == "mlp_in" else width
        params[ours] = dense(source.take(f"{name}.weight", (outputs, inputs)), source.take(f"{name}.bias", (outputs,)))
    return params


def norm_params(source: Source, name: str, width: int) -> dict[str, np.ndarray]:
    """Returns the parameters of a layer norm."""
    return {"scale": source.take(f"{name}.weight", (width,)), "bias": source.take(f"{name}.bias", (width,))}


def dinov2_block(source: Source, prefix: str, layers: dict[str, str], width: int) -> dict[str, Any]:
    """Returns the parameters of a block of DINOv2, whose layer scale is folded into the projections."""
    params = block_params(source, prefix, layers, width)
    kernels = np.split(source.take(f"{prefix}attn.qkv.weight", (3 * width, width)), 3)
    biases = np.split(source.take(f"{prefix}attn.qkv.bias", (3 * width,)), 3)
    params |= {n: dense(k, b) for n, k, b in zip(("query", "key", "value"), kernels, biases, strict=True)}
    for ours, theirs in (("attention_out", "ls1"), ("mlp_out", "ls2")):
        scale = source.take(f"{prefix}{theirs}.gamma", (width,))
        params[ours] = {name: value * scale for name, value in params[ours].items()}
    return params


def interpolate_positions(positions: np.ndarray, side: int) -> np.ndarray:
    """Interpolates the position embeddings of a square of patches as DINOv2 does for smaller images.

    Args:
      positions: float[length², width].
      side: patches of a row of the new square.
    Returns:
      float32[side², width].
    Reference: `interpolate_pos_encoding` of DINOv2's program: PyTorch's bicubic interpolation of the scale
      (side + 0.1) / length, not antialiased.
    """
    length = round(len(positions) ** 0.5)
    if length == side:
        return positions
    centers = (np.arange(side) + 0.5) * length / (side + OFFSET) - 0.5
    taps = np.floor(centers)[:, None] + np.arange(-1, 3)
    matrix = np.zeros((side, length))
    rows = np.broadcast_to(np.arange(side)[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, length - 1).astype(int)), cubic(taps - centers[:, None], SHARPNESS))
    square = positions.reshape(length, length, -1)
    return np.einsum("Hh,hwc,Ww->HWc", matrix, square, matrix).reshape(side**2, -1).astype(np.float32)


def read(source: Source, parts: Parts) -> dict[str, Any]:
    """Returns the variables of `VisionTransformer` in a state dict.

    Raises:
      UsageError: if the state dict is another network's.
    """
    width, *colors, patch = shape_of(source, f"{parts.patches}.weight")[:3]
    if colors != [3] or width % HEAD_CHANNELS or width > MAX_WIDTH or "register_tokens" in source.state:
        raise UsageError(f"{source.path} is not {source.network}, but another vision transformer; {source.advice}")
    flat = lambda name: source.take(name, (*shape_of(source, name)[:-1], width)).reshape(-1, width)
    positions = flat(parts.positions)
    side = parts.size // patch if parts.size else round((len(positions) - 1) ** 0.5)
    kernel = source.take(f"{parts.patches}.weight", (width, 3, patch, patch)).transpose(2, 3, 1, 0)
    params: dict[str, Any] = {
        "token": flat(parts.token)[0],
        "positions": np.concatenate([positions[:1], interpolate_positions(positions[1:], side)]),
        "patches": {"kernel": kernel.reshape(-1, width)},
    }
    if not VARIANTS[parts.variant].norm_first:
        params["patches"]["bias"] = source.take(f"{parts.patches}.bias", (width,))
    if parts.projection:
        name = f"{parts.projection}.weight"
        params["projection"] = dense(source.take(name, (shape_of(source, name)[0], width)), None)
    params |= {ours: norm_params(source, theirs, width) for ours, theirs in parts.norms.items()}
    block = dinov2_block if parts.variant == "DINOv2" else block_params
    depth = 0
    while any(name.startswith(prefix := parts.block.format(depth)) for name in source.state):
        params[f"block_{depth}"] = block(source, prefix, parts.layers, width)
        depth += 1
    return {"params": params}


def convert(parts: Parts, source: Path, target: Path) -> str:
    """Writes published weights as safetensors and returns the new file's sha256.

    Args:
      parts: `DINOV2` or `CLIP`.
      source: a state dict (.pth, .pt or .safetensors).
      target: the file to write.
    Raises:
      UsageError: if the source cannot be read or is another network, or the target cannot be written.
    """
    state = choose_reader(source, READERS, parts.advice)(source)
    variables = read(Source(state, source, parts.variant, parts.advice), parts)
    about = {"extractor": parts.variant, "source": f"{source.name}, sha256 {weights.digest(source)}"}
    return weights.write(target, variables, about)
