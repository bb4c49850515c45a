"""jaxgen: image generation and image restoration in JAX, as pure functions.

Nothing is imported here, so that `from jaxgen.losses import penalties` loads that module and jax, and no more.
"""

__version__ = "0.1.0"
