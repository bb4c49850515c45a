"""DINOv2 and CLIP against the implementations of transformers with the same random weights, through the converters."""

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from jaxgen.commands.converters import convert, vit
from jaxgen.errors import UsageError
from jaxgen.evaluation.extractors import load_extractor
from jaxgen.models.features.vit import resize_to

WIDTH, DEPTH, HEADS = 128, 2, 2
rng = np.random.default_rng(0)
IMAGES = np.rint(255 * rng.uniform(size=(2, 224, 224, 3))).astype(np.float32) / 255


@pytest.fixture(scope="module")
def transformers(torch_with_vision):
    return pytest.importorskip("transformers", reason="the package transformers is not installed")


def randomized(torch, network):
    """Gives every parameter random values that keep the size of activations."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            scale = value[0].numel() ** -0.5 if value.ndim > 1 else 0.2
            value.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, scale, generator=generator)
    return network.eval()


def published(network, folder):
    """Returns a network's arrays under the names that transformers writes."""
    network.save_pretrained(folder)
    return safetensors.numpy.load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def dinov2(transformers, torch_with_vision, tmp_path_factory):
    """A small DINOv2 of transformers, and its arrays under the names of the authors' files."""
    config = transformers.Dinov2Config(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=224, patch_size=14
    )
    network = randomized(torch_with_vision, transformers.Dinov2Model(config))
    theirs = published(network, tmp_path_factory.mktemp("dinov2"))
    state = {
        "cls_token": theirs["embeddings.cls_token"],
        "pos_embed": theirs["embeddings.position_embeddings"],
        "mask_token": theirs["embeddings.mask_token"],
    }
    for part in ("weight", "bias"):
        state[f"patch_embed.proj.{part}"] = theirs[f"embeddings.patch_embeddings.projection.{part}"]
        state[f"norm.{part}"] = theirs[f"layernorm.{part}"]
        for i in range(DEPTH):
            there, here = f"encoder.layer.{i}.", f"blocks.{i}."
            state[f"{here}attn.qkv.{part}"] = np.concatenate(
                [theirs[f"{there}attention.attention.{name}.{part}"] for name in ("query", "key", "value")]
            )
            state[f"{here}attn.proj.{part}"] = theirs[f"{there}attention.output.dense.{part}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                state[f"{here}{name}.{part}"] = theirs[f"{there}{name}.{part}"]
    for i in range(DEPTH):
        for scale in (1, 2):
            state[f"blocks.{i}.ls{scale}.gamma"] = theirs[f"encoder.layer.{i}.layer_scale{scale}.lambda1"]
    return network, state


@pytest.fixture(scope="module")
def clip(transformers, torch_with_vision, tmp_path_factory):
    """A small image encoder of CLIP, with a projection."""
    config = transformers.CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        image_size=60,
        patch_size=15,
        projection_dim=48,
    )
    network = randomized(torch_with_vision, transformers.CLIPVisionModelWithProjection(config))
    state = published(network, tmp_path_factory.mktemp("clip"))
    return network, state | {"text_model.final_layer_norm.weight": np.zeros(3, np.float32)}


def extracted(kind, state, folder, images):
    """Returns the extractor of a file that the command converts, and its features."""
    safetensors.numpy.save_file(
        {k: np.ascontiguousarray(v) for k, v in state.items()}, folder / "published.safetensors"
    )
    convert(kind, folder / "published.safetensors", folder / "x.safetensors")
    extractor = load_extractor(str(folder / "x.safetensors"), "photos", images.shape[-1])
    features, probabilities = extractor.features(extractor.variables, images)
    assert probabilities.shape == (len(images), 0)
    return extractor, np.asarray(features)


def normalized(torch, images, mean, std):
    return (torch.tensor(images).permute(0, 3, 1, 2) - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[
        :, None, None
    ]


def test_dinov2_computes_what_transformers_does(dinov2, torch_with_vision, tmp_path):
    torch, (network, state) = torch_with_vision, dinov2
    extractor, ours = extracted("dinov2", state, tmp_path, IMAGES)
    pixels = normalized(torch, IMAGES, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = network(pixels).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(ours, expected, atol=2e-5 * abs(expected).max())
    assert (extractor.name, extractor.network) == ("DINOv2 ViT-128 channels/14", "DINOv2")
    assert extractor.resize == "bicubic, antialiased, rounded to 8 bits (as Pillow), to 224"


def test_clip_computes_what_transformers_does_with_length_one(clip, torch_with_vision, tmp_path):
    torch, (network, state) = torch_with_vision, clip
    images = IMAGES[:, :60, :60]
    extractor, ours = extracted("clip", state, tmp_path, images)
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    pixels = normalized(torch, images, mean, std)
    with torch.no_grad():
        expected = network(pixels).image_embeds.numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    assert (extractor.network, ours.shape) == ("CLIP", (2, 48))


def test_positions_are_interpolated_as_by_pytorch(torch_with_vision):
    torch = torch_with_vision
    positions = rng.normal(size=(37**2, 6)).astype(np.float32)
    square = torch.tensor(positions).reshape(1, 37, 37, 6).permute(0, 3, 1, 2)
    factor = (16 + 0.1) / 37
    expected = torch.nn.functional.interpolate(square, scale_factor=(factor, factor), mode="bicubic")
    expected = expected.permute(0, 2, 3, 1).reshape(-1, 6).numpy()
    np.testing.assert_allclose(vit.interpolate_positions(positions, 16), expected, atol=1e-5)
    assert vit.interpolate_positions(positions, 37) is positions


@pytest.mark.parametrize("size", [(28, 40), (100, 120)], ids=str)
def test_images_are_resized_as_by_pillow(size, computed):
    images = np.rint(255 * rng.uniform(size=(1, *size, 3))).astype(np.uint8)
    expected = np.asarray(Image.fromarray(images[0]).resize((56, 56), Image.Resampling.BICUBIC))
    ours = computed(lambda x: resize_to(x, 56), images.astype(np.float32) / 255)
    # Pillow's weights have 22 bits.
    assert abs(np.rint(255 * ours[0]) - expected).max() <= 1
    assert np.mean(np.rint(255 * ours[0]) == expected) > 0.99


def test_one_channel_is_repeated_and_named(clip, tmp_path):
    extractor, ours = extracted("clip", clip[1], tmp_path, IMAGES[:, :60, :60, :1])
    features, _ = extractor.features(extractor.variables, IMAGES[:, :60, :60, :1].repeat(3, -1))
    np.testing.assert_allclose(ours, features, atol=1e-6)
    assert extractor.name == "CLIP ViT-128 channels/15, one channel repeated to three"


def test_other_files_are_refused(dinov2, clip, tmp_path):
    def refused(kind, state, message):
        safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, tmp_path / "a.safetensors")
        with pytest.raises(UsageError, match=message) as caught:
            convert(kind, tmp_path / "a.safetensors", tmp_path / "x.safetensors")
        assert "\n" not in str(caught.value)

    refused("dinov2", clip[1], r"is not DINOv2: patch_embed\.proj\.weight is missing; give ViT-S/14, B/14 or L/14")
    refused(
        "clip", dinov2[1], r"is not CLIP: vision_model\.embeddings\.patch_embedding\.weight is missing; give OpenAI's"
    )
    registers = dinov2[1] | {"register_tokens": np.zeros((1, 4, WIDTH), np.float32)}
    refused("dinov2", registers, "is not DINOv2, but another vision transformer")
    wide = dinov2[1] | {"patch_embed.proj.weight": np.zeros((1536, 3, 14, 14), np.float32)}
    refused("dinov2", wide, "is not DINOv2, but another vision transformer")
    narrow = dinov2[1] | {"blocks.1.mlp.fc1.weight": np.zeros((7, WIDTH), np.float32)}
    refused("dinov2", narrow, r"blocks\.1\.mlp\.fc1\.weight is \[7, 128\] and not \[512, 128\]")
    with pytest.raises(UsageError, match=r"no file .*absent\.pth: give ViT-S/14.*dinov2_vitl14_pretrain\.pth"):
        convert("dinov2", tmp_path / "absent.pth", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
