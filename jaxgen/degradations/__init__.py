"""Degradations: pure functions (key, images, …) -> images, or (images, opacity) where they hide parts of the images.

Each import below registers what it imports in `DEGRADATIONS`; the experiments' `--damage`, the damage benchmark, help,
tables and tests are derived from there.
"""

from jaxgen.degradations.aberration import chromatic_aberration as chromatic_aberration
from jaxgen.degradations.composition import apply_if as apply_if
from jaxgen.degradations.composition import compose as compose
from jaxgen.degradations.composition import shuffled as shuffled
from jaxgen.degradations.damage.composites import ruined as ruined
from jaxgen.degradations.damage.composites import torn as torn
from jaxgen.degradations.damage.composites import worn as worn
from jaxgen.degradations.damage.corrosion import rust as rust
from jaxgen.degradations.damage.masks import holes as holes
from jaxgen.degradations.damage.old_photo import old_photo as old_photo
from jaxgen.degradations.damage.stains import foxing as foxing
from jaxgen.degradations.damage.stains import stain as stain
from jaxgen.degradations.damage.wear import scratches as scratches
from jaxgen.degradations.damage.wear import tears as tears
from jaxgen.degradations.deterministic import anisotropic_blur as anisotropic_blur
from jaxgen.degradations.deterministic import blur as blur
from jaxgen.degradations.deterministic import downsample as downsample
from jaxgen.degradations.deterministic import grayscale as grayscale
from jaxgen.degradations.deterministic import jpeg as jpeg
from jaxgen.degradations.deterministic import motion_blur as motion_blur
from jaxgen.degradations.file_noise import photo_noise as photo_noise
from jaxgen.degradations.geometry import warp as warp
from jaxgen.degradations.grain import film_grain as film_grain
from jaxgen.degradations.noise import blind_gaussian_noise as blind_gaussian_noise
from jaxgen.degradations.noise import gaussian_noise as gaussian_noise
from jaxgen.degradations.noise import poisson_noise as poisson_noise
from jaxgen.degradations.noise import rician_noise as rician_noise
from jaxgen.degradations.noise import salt_and_pepper as salt_and_pepper
from jaxgen.degradations.noise import shared_noise as shared_noise
from jaxgen.degradations.noise import speckle as speckle
from jaxgen.degradations.recipes import bsrgan as bsrgan
from jaxgen.degradations.recipes import real_esrgan as real_esrgan
from jaxgen.degradations.registry import DEGRADATIONS as DEGRADATIONS
from jaxgen.degradations.registry import Degradation as Degradation
from jaxgen.degradations.registry import register as register
from jaxgen.degradations.scattering import haze as haze
