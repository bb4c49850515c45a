import dataclasses
from pathlib import Path

import pytest

from jaxgen.sweeps.space import make_space
from jaxgen.sweeps.storage import open_storage
from jaxgen.sweeps.trials import Ledger, Plan


@pytest.fixture(scope="session")
def toy_space(load_experiment):
    """Returns the space of one number of the smallest experiment, from the experiment's own options."""
    module = load_experiment("gan_mlp")

    def make(*words, search=("hyper.learning-rate=log:1e-4:1e-2",)):
        small = ("--data.size", "8", "--batch-size", "8", "--latent", "2", "--steps", "9", *words)
        return make_space(search, module.Config, small, module.build)

    return make


@pytest.fixture
def make_ledger(toy_space, tmp_path):
    """Returns a function that opens a sweep's trials, as a process would that is alone unless it is told otherwise."""

    def make(
        alone=True, url=f"sqlite:///{tmp_path / 'study.db'}", heartbeat=60, space=None, name="toy", say=print, **fields
    ):
        plan = Plan(
            experiment="gan_mlp",
            space=space or toy_space(),
            metric="evaluation/pixel_frechet",
            direction="minimize",
            seeds=1,
            sampler="random",
            pruner="none",
            seed=0,
            every=3,
            settings={},
            script="sha256 of the script",
        )
        plan = dataclasses.replace(plan, **fields)
        return Ledger(plan, open_storage(url, heartbeat), name, alone=alone, heartbeat=heartbeat, say=say)

    return make


@pytest.fixture(scope="session")
def gan_mlp(experiments):
    """Returns the path of the smallest experiment and the options by which it is smaller still."""
    small = ["--variant", "plain", "--data.size", "8", "--batch-size", "8", "--latent", "2", "--evaluate-images", "16"]
    return str(Path(experiments) / "gan_mlp.py"), [*small, "--no-tensorboard", "--devices", "1"]
