"""The measured cases: networks and their sizes, the same for every library."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """One network, one batch, one kind of step.

    Attributes:
      recipe: "gan_mlp", "dcgan", "wgan_gp", "vae" or "dncnn", that libraries know how to train; "restore", a denoiser
        at work: jaxgen's shipped one, and DnCNN elsewhere.
      step: description of one step, for the table.
      batch: images in a batch.
      size: height and width, pixels.
      channels: of the images.
      width: channels, or units, of the narrowest hidden layer.
      latent: size of the latent code; 0 where there is none.
      hidden: units of the dense layers on either side of a latent code.
      depth: convolutions, where their number is free.
    """

    recipe: str
    step: str
    batch: int
    size: int
    channels: int
    width: int
    latent: int = 0
    hidden: int = 0
    depth: int = 0


CASES = {
    "gan_mlp": Case("gan_mlp", "discriminator and generator update", 128, 28, 1, 256, latent=100),
    "dcgan": Case("dcgan", "discriminator and generator update", 64, 32, 3, 64, latent=100),
    "wgan_gp": Case("wgan_gp", "critic update with gradient penalty", 64, 32, 3, 64, latent=100),
    "vae": Case("vae", "update", 128, 28, 1, 32, latent=20, hidden=256),
    "dncnn": Case("dncnn", "update", 16, 40, 1, 64, depth=17),
    "restore": Case("restore", "one megapixel denoised", 1, 1000, 1, 64, depth=17),
}

ADAM = {
    "gan_mlp": (2e-4, 0.5, 0.999),
    "dcgan": (2e-4, 0.5, 0.999),
    "wgan_gp": (1e-4, 0.5, 0.9),
    "vae": (1e-3, 0.9, 0.999),
    "dncnn": (1e-3, 0.9, 0.999),
}
PENALTY_WEIGHT = 10.0
NOISE_SCALE = 25 / 255
