"""Classical image filters: pure jitted functions of images."""

from jaxgen.filters.biharmonic import inpaint_biharmonic as inpaint_biharmonic
from jaxgen.filters.bilateral import bilateral as bilateral
from jaxgen.filters.dehazing import dark_channel as dark_channel
from jaxgen.filters.dehazing import dehaze as dehaze
from jaxgen.filters.edges import canny as canny
from jaxgen.filters.guided import guided as guided
from jaxgen.filters.linear import filter2d as filter2d
from jaxgen.filters.linear import gaussian as gaussian
from jaxgen.filters.linear import mean as mean
from jaxgen.filters.linear import wiener as wiener
from jaxgen.filters.matching import match_template as match_template
from jaxgen.filters.patches import inpaint_patches as inpaint_patches
from jaxgen.filters.pull_push import inpaint_pull_push as inpaint_pull_push
from jaxgen.filters.rank import dilate as dilate
from jaxgen.filters.rank import median as median
from jaxgen.filters.relaxation import inpaint_relaxed as inpaint_relaxed
from jaxgen.filters.shapes import hu_moments as hu_moments
from jaxgen.filters.shapes import match_shapes as match_shapes
