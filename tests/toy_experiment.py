"""An experiment small enough for two processes on one core: an autoencoder of two layers, in float64 where that is on.

As a program it notes which images each batch is read from, a line a batch, in the file $TOY_READS if that is set.
"""

import dataclasses
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgen.config import Config as Options
from jaxgen.config import objective_options
from jaxgen.data import Config as DataConfig
from jaxgen.data import streaming
from jaxgen.runs.command_line import run_script
from jaxgen.training.gradients import descend
from jaxgen.training.state import Objective, Selection, TrainState

WIDTH = 8


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """See the fields of jaxgen.config.Config."""

    data: DataConfig = DataConfig(name="digits", size=8, channels=1)
    batch_size: int = 8
    tensorboard: bool = False


def decode(params, images: Array) -> Array:
    hidden = jnp.tanh(images.reshape(len(images), -1) @ params["inner"])
    return (hidden @ params["outer"]).reshape(images.shape)


def build(config: Config, axis_name: str | None = None) -> Objective:
    """Returns the objective, by plain descent: round-off stays what it is."""
    options = objective_options(config, axis_name)
    optimizer = optax.sgd(0.05, momentum=0.9)

    def init(key: Array, batch) -> TrainState:
        size, (inner, outer) = batch["image"][0].size, jax.random.split(key)
        params = {
            "inner": jax.random.normal(inner, (size, WIDTH), float) / size**0.5,
            "outer": jax.random.normal(outer, (WIDTH, size), float) / WIDTH**0.5,
        }
        opt_state, ema = optimizer.init(params), {"params": jax.tree.map(jnp.copy, params), "stats": {}}
        players = {"params": {"model": params}, "stats": {"model": {}}, "ema": {"model": ema}}
        hyper = {name: jnp.float32(value) for name, value in options["hyper"].items()}
        return TrainState(step=jnp.int32(0), opt_state={"model": opt_state}, hyper=hyper, key=key, **players)

    def step(state: TrainState, batch):
        def loss(params, examples):
            error = jnp.mean((decode(params, examples) - examples) ** 2)
            return error, error

        params, opt_state, error, _ = descend(
            loss,
            state.params["model"],
            state.opt_state["model"],
            optimizer,
            batch["image"].astype(float),
            axis_name=axis_name,
        )
        ema = jax.tree.map(lambda a, b: (a + b) / 2, state.ema["model"]["params"], params)
        new = {"params": {"model": params}, "opt_state": {"model": opt_state}}
        state = state.replace(step=state.step + 1, ema={"model": {"params": ema, "stats": {}}}, **new)
        return state, {"model/loss": error}

    def evaluate(state: TrainState, batch):
        images = batch["image"].astype(float)
        return {"evaluation/error": jnp.mean((decode(state.params["model"], images) - images) ** 2)}

    def visualize(state: TrainState, batch):
        return {"decoded": jnp.clip(decode(state.params["model"], batch["image"][:4].astype(float)), 0, 1)}

    return Objective(
        init,
        step,
        "model",
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/error", direction="minimize"),
    )


def count_reads(path: Path) -> None:
    """Has the numbers of all images that are streamed noted in a file."""
    gather = streaming.gather

    def noted(records, indices):
        with path.open("a") as file:
            file.write(" ".join(map(str, indices)) + "\n")
        return gather(records, indices)

    streaming.gather = noted


if __name__ == "__main__":
    if path := os.environ.get("TOY_READS"):
        count_reads(Path(path))
    run_script(Config, build, __doc__)
