"""Scores of generators, restorers and detectors, each with the protocol by which it is computed."""

MAX_SEED = 2**32 - 2
"""Largest seed of an evaluation. The next one draws the latents by which the best checkpoint is selected."""
