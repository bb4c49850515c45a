"""What happened to the picture, as pure functions (key, images, …) -> images, or (images, mask) where there is one."""

from jaxgen.degradations.composition import apply_if, compose, shuffled
from jaxgen.degradations.corrosion import rust
from jaxgen.degradations.geometry import warp
from jaxgen.degradations.keyed import anisotropic_blur, blur, downsample, jpeg, motion_blur
from jaxgen.degradations.masks import holes
from jaxgen.degradations.noise import (
    blind_gaussian_noise,
    gaussian_noise,
    poisson_noise,
    rician_noise,
    salt_and_pepper,
    speckle,
)
from jaxgen.degradations.old_photo import old_photo
from jaxgen.degradations.recipes import bsrgan, real_esrgan
from jaxgen.degradations.scattering import haze
from jaxgen.degradations.stains import foxing, stain
from jaxgen.degradations.wear import scratches, tears

__all__ = [
    "anisotropic_blur",
    "apply_if",
    "blind_gaussian_noise",
    "blur",
    "bsrgan",
    "compose",
    "downsample",
    "foxing",
    "gaussian_noise",
    "haze",
    "holes",
    "jpeg",
    "motion_blur",
    "old_photo",
    "poisson_noise",
    "real_esrgan",
    "rician_noise",
    "rust",
    "salt_and_pepper",
    "scratches",
    "shuffled",
    "speckle",
    "stain",
    "tears",
    "warp",
]
