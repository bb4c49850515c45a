"""What every network promises about precision: float64 in, float64 out; bfloat16 computes, float32 goes in and out."""

import dataclasses
import importlib
import inspect
import pkgutil

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

import jaxgen.models
from jaxgen.models.features import classifier
from jaxgen.models.gan import conv_gan, dcgan, dcgan_deep_stem, discriminators, growing, mlp, pix2pix, r3gan, resnet
from jaxgen.models.restoration import (
    aod_net,
    boosted_trees,
    crnn,
    dehazer,
    detector,
    dncnn,
    encoder_decoder,
    ffdnet,
    hourglass,
    inpainter,
    nafnet,
    noise_estimator,
    partial_unet,
    patch_inpainter,
    residual_unet,
    rnn,
    srresnet,
    unet,
    video,
)
from jaxgen.models.vae import vae

IMAGES = {size: (2, size, size, 1) for size in (8, 128)}
NETWORKS = {
    "gan_mlp generator": (mlp.Generator, {"variant": "batch_norm", "size": 8}, [(2, 5)]),
    "gan_mlp discriminator": (mlp.Discriminator, {"variant": "batch_norm"}, [IMAGES[8]]),
    "conv_gan generator": (conv_gan.Generator, {"size": 8}, [(2, 5)]),
    "conv_gan discriminator": (conv_gan.Discriminator, {}, [IMAGES[8]]),
    "dcgan generator": (dcgan.Generator, {"size": 8}, [(2, 5)]),
    "dcgan discriminator": (dcgan.Discriminator, {}, [IMAGES[8]]),
    "dcgan spectral discriminator": (dcgan.Discriminator, {"norm": "spectral"}, [IMAGES[8]]),
    "dcgan layer discriminator": (dcgan.Discriminator, {"norm": "layer"}, [IMAGES[8]]),
    "deep stem generator": (dcgan_deep_stem.Generator, {"width": 4}, [(2, 5)]),
    "deep stem discriminator": (dcgan_deep_stem.Discriminator, {"width": 4}, [IMAGES[128]]),
    "resnet generator": (resnet.Generator, {"size": 8}, [(2, 5)]),
    "resnet critic": (resnet.Critic, {"norm": "layer"}, [IMAGES[8]]),
    "resnet spectral critic": (resnet.Critic, {"norm": "spectral"}, [IMAGES[8]]),
    "growing generator": (growing.Generator, {"size": 16, "width": 4, "fade_steps": 2}, [(2, 5)]),
    "growing critic": (growing.Critic, {"width": 4, "fade_steps": 2}, [(2, 16, 16, 1)]),
    "r3gan generator": (r3gan.Generator, {"size": 8, "width": 16, "blocks": 1}, [(2, 5)]),
    "r3gan discriminator": (r3gan.Discriminator, {"width": 16, "blocks": 1}, [IMAGES[8]]),
    "classifier": (classifier.Classifier, {}, [(2, 28, 28, 1)]),
    "binary classifier": (classifier.BinaryClassifier, {}, [(2, 28, 28, 1)]),
    "dense vae": (vae.DenseVAE, {"size": 8}, [IMAGES[8], (2, 1, 20)]),
    "convolutional vae": (vae.ConvVAE, {"size": 8}, [IMAGES[8], (2, 1, 20)]),
    "dncnn": (dncnn.DnCNN, {"depth": 4}, [IMAGES[8]]),
    "ffdnet": (ffdnet.FFDNet, {"depth": 3}, [IMAGES[8]]),
    "unet": (unet.UNet, {"widths": (4, 8)}, [IMAGES[8]]),
    "residual unet": (residual_unet.ResidualUNet, {"blocks": 1}, [IMAGES[8]]),
    "nafnet": (nafnet.NAFNet, {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)}, [IMAGES[8]]),
    "hourglass": (hourglass.Hourglass, {"width": 3, "levels": 2, "skip": 2}, [IMAGES[8]]),
    "pix2pix": (pix2pix.Generator, {"widths": (3, 4), "dropout": 0.0}, [IMAGES[8]]),
    "crop discriminator": (discriminators.CropDiscriminator, {"widths": (3,), "hidden": 4}, [IMAGES[8]]),
    "patch discriminator": (discriminators.PatchDiscriminator, {"widths": (3,)}, [IMAGES[8]]),
    "aod-net": (aod_net.AODNet, {}, [IMAGES[8]]),
    "dehazer": (dehazer.Dehazer, {"widths": (4, 4), "side": 8}, [IMAGES[8]]),
    "srresnet": (srresnet.SRResNet, {"width": 4, "blocks": 1, "residual": True}, [IMAGES[8]]),
    "encoder-decoder": (encoder_decoder.EncoderDecoder, {"size": 8, "widths": (2, 3), "hidden": 4}, [IMAGES[8]]),
    "crnn": (crnn.CRNN, {"turns": 2, "dropout": 0.0}, [IMAGES[8]]),
    "rnn": (rnn.RNN, {"hidden": 4, "layers": 1}, [IMAGES[8]]),
    "gru": (rnn.RNN, {"hidden": 4, "layers": 1, "cell": "gru"}, [IMAGES[8]]),
    "detector": (detector.Detector, {"widths": (4, 4), "blocks": 1}, [IMAGES[8]]),
    "inpainter": (inpainter.Inpainter, {"widths": (4,), "blocks": 1, "channels": 1, "levels": 2}, [(2, 8, 8, 2)]),
    "patch inpainter": (
        patch_inpainter.PatchInpainter,
        {"radius": 1, "width": 4, "depth": 1, "samples": 3, "channels": 1, "levels": 2},
        [(2, 8, 8, 2)],
    ),
    "noise estimator": (noise_estimator.NoiseEstimator, {"depth": 2, "width": 4}, [IMAGES[8]]),
    "video": (video.VideoRNN, {"width": 4, "blocks": 1}, [(2, 3, 8, 8, 1)]),
    "partial unet": (partial_unet.PartialUNet, {"widths": (4, 4)}, [(2, 8, 8, 2)]),
}

PARTS = {resnet.UpBlock, nafnet.Block, nafnet.ChannelNorm, nafnet.DepthwiseConv, residual_unet.ResidualBlock}
"""Layers that need no argument; the networks that contain them are tested."""
TREES = {boosted_trees.BoostedTrees}
"""Modules whose parameters are integers in part: they compute in the dtype of their thresholds."""


def defined_networks():
    """The networks of `jaxgen.models` with a dtype: modules that need no argument and are no base class."""
    modules = (importlib.import_module(m.name) for m in pkgutil.walk_packages(jaxgen.models.__path__, "jaxgen.models."))
    classes = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, nn.Module) and member.__module__ == module.__name__
    }
    bases = {base for member in classes for base in member.__bases__}
    required = lambda field: field.default is field.default_factory is dataclasses.MISSING
    return {
        member
        for member in classes - bases
        if "dtype" in (fields := {field.name: field for field in dataclasses.fields(member)})
        and not any(map(required, fields.values()))
    }


def test_every_network_is_tested():
    assert {module for module, _, _ in NETWORKS.values()} == defined_networks() - PARTS - TREES


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def trace(module, shapes, input_dtype, variable_dtype):
    inputs = [jax.ShapeDtypeStruct(shape, input_dtype) for shape in shapes]
    variables = jax.eval_shape(lambda *x: module.init(jax.random.key(0), *x, True), *inputs)
    variables = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, variable_dtype), variables)
    stats = [name for name in variables if name != "params"]
    program, output = jax.make_jaxpr(lambda v, *x: module.apply(v, *x, True, mutable=stats), return_shape=True)(
        variables, *inputs
    )
    return str(program), {leaf.dtype.name for leaf in jax.tree.leaves(output)}


def test_float64_stays_float64(network):
    module, fields, shapes = network
    with jax.enable_x64(True):
        program, outputs = trace(module(**fields), shapes, "float64", "float64")
    assert outputs == {"float64"}
    assert "f32[" not in program


def test_bfloat16_computes_and_float32_leaves(network):
    module, fields, shapes = network
    program, outputs = trace(module(**fields, dtype=jnp.bfloat16), shapes, "float32", "float32")
    assert outputs == {"float32"}
    assert "bf16[" in program


def test_parameters_are_float32_or_what_was_asked(network):
    module, fields, shapes = network
    for dtype in ("float32", "bfloat16"):
        built, inputs = (
            module(**fields, param_dtype=dtype),
            [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes],
        )
        variables = jax.eval_shape(lambda *x, built=built: built.init(jax.random.key(0), *x, True), *inputs)
        assert {leaf.dtype.name for leaf in jax.tree.leaves(variables.pop("params"))} == {dtype}
        assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} <= {"float32"}
