"""Steps in PyTorch, written as a careful user writes them. Only torch is imported."""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.cases import ADAM, NOISE_SCALE, PENALTY_WEIGHT, Case
from benchmarks.program import Program
from benchmarks.torch_networks import VAE, DenseDiscriminator, DenseGenerator, Discriminator, DnCNN, Generator

Step = Callable[[Tensor], None]


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Returns the mean binary cross-entropy of real images labelled 1 and generated ones labelled 0."""
    return (F.softplus(-real_logits) + F.softplus(fake_logits)).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Returns the mean non-saturating loss."""
    return F.softplus(-fake_logits).mean()


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, weights: Tensor) -> Tensor:
    """Returns Gulrajani et al. 2017, algorithm 1, line 7; weights float[b, 1, 1, 1] interpolate real and fake."""
    between = torch.lerp(fake, real, weights).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return critic(fake).mean() - critic(real).mean() + PENALTY_WEIGHT * penalty


def vae_loss(model: nn.Module, images: Tensor, noise: Tensor) -> Tensor:
    """Returns the negative evidence lower bound, nats per image, with a Bernoulli likelihood."""
    logits, mean, log_variance = model(images, noise)
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
    return (reconstruction + divergence) / len(images)


def restoration_loss(model: nn.Module, damaged: Tensor, clean: Tensor) -> Tensor:
    """Returns the mean squared error."""
    return F.mse_loss(model(damaged), clean)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Takes one step down the gradient."""
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(loss.device.type, enabled=False):  # Autocast is for forward passes only.
        loss.backward()
    optimizer.step()


Prepare = Callable[[nn.Module], nn.Module]
MakeAdam = Callable[[nn.Module], torch.optim.Optimizer]


def make_gan(case: Case, place: Prepare, compiled: Prepare, adam: MakeAdam) -> tuple[Step, list[nn.Module]]:
    """Returns the step of pytorch/examples' DCGAN: real and generated images apart, one generator pass for both."""
    if case.recipe == "gan_mlp":
        generator = place(DenseGenerator(case.latent, case.width, case.channels, case.size))
        discriminator = place(DenseDiscriminator(case.width, case.channels, case.size))
    else:
        generator = place(Generator(case.latent, case.width, case.channels))
        discriminator = place(Discriminator(case.width, case.channels, batch_norm=True))
    generator_adam, discriminator_adam = adam(generator), adam(discriminator)
    generate, logits_of = compiled(generator), compiled(discriminator)

    def step(images: Tensor) -> None:
        real = 2 * images - 1
        fake = generate(torch.randn(len(real), case.latent, device=real.device))
        descend(discriminator_adam, discriminator_loss(logits_of(real), logits_of(fake.detach())))
        # The discriminator's own gradients are not needed here, and not computing them is free speed.
        discriminator.requires_grad_(False)
        descend(generator_adam, generator_loss(logits_of(fake)))
        discriminator.requires_grad_(True)

    return step, [generator, discriminator]


def make_wgan_gp(case: Case, place: Prepare, compiled: Prepare, adam: MakeAdam) -> tuple[Step, list[nn.Module]]:
    """Returns the critic's step. The critic stays uncompiled: torch.compile has no second derivatives."""
    generator = place(Generator(case.latent, case.width, case.channels))
    critic = place(Discriminator(case.width, case.channels, batch_norm=False))
    critic_adam, generate = adam(critic), compiled(generator)

    def step(images: Tensor) -> None:
        real = 2 * images - 1
        with torch.no_grad():
            fake = generate(torch.randn(len(real), case.latent, device=real.device))
        weights = torch.rand(len(real), 1, 1, 1, device=real.device)
        descend(critic_adam, critic_loss(critic, real, fake, weights))

    return step, [generator, critic]


def make_vae(case: Case, place: Prepare, compiled: Prepare, adam: MakeAdam) -> tuple[Step, list[nn.Module]]:
    """Returns the step of a variational autoencoder."""
    model = place(VAE(case.latent, case.width, case.channels, case.size, case.hidden))
    model_adam, run = adam(model), compiled(model)

    def step(images: Tensor) -> None:
        descend(model_adam, vae_loss(run, images, torch.randn(len(images), case.latent, device=images.device)))

    return step, [model]


def make_dncnn(case: Case, place: Prepare, compiled: Prepare, adam: MakeAdam) -> tuple[Step, list[nn.Module]]:
    """Returns the step of a denoiser."""
    model = place(DnCNN(case.depth, case.width, case.channels))
    model_adam, run = adam(model), compiled(model)

    def step(images: Tensor) -> None:
        damaged = images + NOISE_SCALE * torch.randn_like(images)
        descend(model_adam, restoration_loss(run, damaged, images))

    return step, [model]


def make_restore(case: Case, place: Prepare, compiled: Prepare, adam: MakeAdam) -> tuple[Step, list[nn.Module]]:
    """Returns a denoiser's forward pass, batch norm as in use."""
    model = place(DnCNN(case.depth, case.width, case.channels)).eval()
    run = compiled(model)

    def step(images: Tensor) -> None:
        with torch.inference_mode():
            run(images)

    return step, [model]


RECIPES = {
    "gan_mlp": make_gan,
    "dcgan": make_gan,
    "wgan_gp": make_wgan_gp,
    "vae": make_vae,
    "dncnn": make_dncnn,
    "restore": make_restore,
}


def make(
    case: Case,
    *,
    platform: str,
    threads: int,
    channels_last: bool,
    compiled: bool = False,
    bfloat16: bool = False,
) -> Program:
    """Returns a case's training in PyTorch, with the fused Adam: the others are nowhere faster, and slower for the VAE.

    Args:
      case: what is trained.
      platform: "cpu" or "gpu".
      threads: for one operation on a CPU.
      channels_last: the memory format of images and kernels.
      compiled: whether the networks go through torch.compile.
      bfloat16: whether the forward passes run under autocast.
    Raises:
      RuntimeError: if platform is "gpu" and torch finds none.
    """
    torch.set_num_threads(threads)
    on_gpu = platform == "gpu"
    if on_gpu:
        if not torch.cuda.is_available():
            raise RuntimeError(f"torch {torch.__version__} finds no CUDA device")
        # XLA multiplies float32 in TF32 by default; so does cuDNN for convolutions; this sets it for the rest.
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if on_gpu else "cpu")
    layout = torch.channels_last if channels_last else torch.contiguous_format
    rate, b1, b2 = ADAM.get(case.recipe, (0.0, 0.0, 0.0))
    step, models = RECIPES[case.recipe](
        case,
        # The signatures of Module.to leave memory_format out.
        lambda model: model.to(device, memory_format=layout),  # pyright: ignore[reportCallIssue]
        (lambda model: cast(nn.Module, torch.compile(model))) if compiled else (lambda model: model),
        lambda model: torch.optim.Adam(model.parameters(), lr=rate, betas=(b1, b2), fused=True),
    )
    shape = (case.batch, case.channels, case.size, case.size)

    def draw(count: int) -> list[Tensor]:
        inputs = [torch.rand(shape, device=device).to(memory_format=layout) for _ in range(count)]
        synchronise()
        return inputs

    def synchronise() -> None:
        if on_gpu:
            torch.cuda.synchronize()

    def run(inputs: list[Tensor]) -> None:
        for images in inputs:
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                step(images)
        synchronise()

    return Program(
        parameters=sum(p.numel() for model in models for p in model.parameters()),
        steps=1,
        draw=draw,
        run=run,
        peak_bytes=partial(torch.cuda.max_memory_allocated, device) if on_gpu else lambda: None,
        device=torch.cuda.get_device_name(device) if on_gpu else "cpu",
        versions={"torch": torch.__version__},
    )
