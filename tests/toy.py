"""A training small enough to be killed often: Adam pulls a vector towards a noisy target.

As a program: toy.py RUN STEPS [name=number …], where the names are those of `loop.Options` and
  size: elements of the vector.
  seconds: how long a dispatch is made to take.
  no_space_at: step from which on no file grows beyond 10 kB.
"""

import resource
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgen.training.state import Selection, TrainState
from jaxgen.training.step_metrics import stack_metrics

SELECTION = Selection("evaluation/distance", direction="minimize")


def init(size=2, seed=0):
    params = {"model": {"dense": {"kernel": jnp.zeros(size), "bias": jnp.zeros((1, 3), jnp.bfloat16)}}}
    return TrainState(
        step=jnp.int32(0),
        params=params,
        stats={"model": {}},
        opt_state={"model": optax.adam(0.1).init(params["model"])},
        ema={"model": {"params": jax.tree.map(jnp.copy, params["model"]), "stats": {}}},
        hyper={"learning_rate": jnp.float32(0.1)},
        key=jax.random.key(seed),
    )


def step(state, _, *, poison_loss_at=None, poison_gradient_at=None):
    optimizer = optax.adam(state.hyper["learning_rate"])
    noise = jax.random.normal(jax.random.fold_in(state.key, state.step), state.params["model"]["dense"]["kernel"].shape)

    def loss_of(params):
        return jnp.mean((params["dense"]["kernel"] - 1 - 0.1 * noise) ** 2)

    loss, gradient = jax.value_and_grad(loss_of)(state.params["model"])
    if poison_loss_at is not None:
        loss = jnp.where(state.step + 1 >= poison_loss_at, jnp.nan, loss)
    if poison_gradient_at is not None:
        gradient = jax.tree.map(lambda g: jnp.where(state.step + 1 >= poison_gradient_at, jnp.inf, g), gradient)
    updates, opt_state = optimizer.update(gradient, state.opt_state["model"])
    params = optax.apply_updates(state.params["model"], updates)
    ema = {
        "model": {"params": jax.tree.map(lambda a, b: (a + b) / 2, state.ema["model"]["params"], params), "stats": {}}
    }
    new = state.replace(step=state.step + 1, params={"model": params}, opt_state={"model": opt_state}, ema=ema)
    return new, {"model/loss": loss}


def make_advance(steps_per_dispatch=1, **poison):
    def run(state):
        state, metrics = lax.scan(partial(step, **poison), state, None, steps_per_dispatch)
        return state, stack_metrics(metrics)

    compiled = jax.jit(run, donate_argnums=0)
    return lambda state, first: compiled(state)


@jax.jit
def evaluate(state):
    return {"evaluation/distance": jnp.abs(state.params["model"]["dense"]["kernel"] - 1).mean()}


def main(run, steps, *settings):
    from jaxgen.runs.disk.checkpoints import Checkpoints
    from jaxgen.runs.disk.run_folder import RunFolder
    from jaxgen.training import loop
    from jaxgen.training.progress import Lines

    settings = {name: float(value) if "." in value else int(value) for name, value in (s.split("=") for s in settings)}
    size, seconds, no_space_at = (settings.pop(name, 0) for name in ("size", "seconds", "no_space_at"))
    options = loop.Options(int(steps), **settings)
    advance = make_advance(options.steps_per_dispatch)

    def slowly(state, first):
        time.sleep(seconds)
        if first == no_space_at > 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        return advance(state, first)

    state, start, config = init(size or 2), 0, {"config": {"size": size}}
    with (
        RunFolder.open(Path(run), config, tensorboard=False) as folder,
        Checkpoints(Path(run) / "checkpoints", selection=SELECTION) as checkpoints,
    ):
        if restored := checkpoints.restore(state):
            state, start = restored.state, restored.step
            for damaged in restored.damaged:
                checkpoints.discard(damaged)
        print(f"from {start}", flush=True)
        loop.train(
            slowly,
            state,
            start=start,
            options=options,
            folder=folder,
            checkpoints=checkpoints,
            config=config,
            images_per_step=1,
            evaluate=evaluate,
            progress=Lines(seconds=0),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
