"""Objectives that only have capabilities, for tests that train nothing."""

from jaxgen.training.state import Generative, Objective, Selection


def bare(**capabilities) -> Objective:
    """Returns an objective with these capabilities, whose training is never called."""
    nothing = dict.fromkeys(("init", "step", "visualize", "evaluate"))
    selection = Selection("evaluation/none", direction="minimize")
    return Objective(player="generator", selection=selection, **nothing, **capabilities)


def drawing(sample=None, generate=None, latent_size=1) -> Objective:
    """Returns an objective that only draws images."""
    return bare(generative=Generative(sample, generate, latent_size))
