"""Classical image filters: pure jitted functions of images."""

from jaxgen.filters.biharmonic import inpaint_biharmonic
from jaxgen.filters.bilateral import bilateral
from jaxgen.filters.dehazing import dark_channel, dehaze
from jaxgen.filters.edges import canny
from jaxgen.filters.guided import guided
from jaxgen.filters.linear import filter2d, gaussian, mean, wiener
from jaxgen.filters.matching import match_template
from jaxgen.filters.patches import inpaint_patches
from jaxgen.filters.pull_push import inpaint_pull_push
from jaxgen.filters.rank import dilate, median
from jaxgen.filters.relaxation import inpaint_relaxed
from jaxgen.filters.shapes import hu_moments, match_shapes

__all__ = [
    "bilateral",
    "canny",
    "dark_channel",
    "dehaze",
    "dilate",
    "filter2d",
    "gaussian",
    "guided",
    "hu_moments",
    "inpaint_biharmonic",
    "inpaint_patches",
    "inpaint_pull_push",
    "inpaint_relaxed",
    "match_shapes",
    "match_template",
    "mean",
    "median",
    "wiener",
]
