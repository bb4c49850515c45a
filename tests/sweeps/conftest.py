import dataclasses
from pathlib import Path

import pytest

from jaxgen.sweeps.definition import Definition
from jaxgen.sweeps.options import Options
from jaxgen.sweeps.space import make_space
from jaxgen.sweeps.storage import open_storage, quiet_optuna
from jaxgen.sweeps.trials import TrialQueue


@pytest.fixture(autouse=True)
def quiet():
    with quiet_optuna():
        yield


@pytest.fixture(scope="session")
def toy_space(load_experiment):
    """Returns a function from options of the smallest experiment to a search space of one hyperparameter."""
    module = load_experiment("gan_mlp")

    def make(*arguments, search=("hyper.learning-rate=log:1e-4:1e-2",)):
        small = ("--data.size", "8", "--batch-size", "8", "--latent", "2", "--steps", "9", *arguments)
        return make_space(search, module.Config, small, module.build)

    return make


@pytest.fixture
def make_queue(toy_space, tmp_path):
    """Returns a function that opens the trials of a sweep as a new worker does."""

    def make(
        exclusive=True,
        url=f"sqlite:///{tmp_path / 'study.db'}",
        heartbeat=60,
        space=None,
        name="toy",
        say=print,
        **fields,
    ):
        chosen = {name: fields.pop(name) for name in ("seeds", "sampler", "pruner", "sampler_seed") if name in fields}
        definition = Definition(
            experiment="gan_mlp",
            options=Options(**{"sampler": "random"} | chosen),
            space=space or toy_space(),
            metric="evaluation/pixel_frechet",
            direction="minimize",
            interval=3,
            settings={},
            script="sha256 of the script",
        )
        definition = dataclasses.replace(definition, **fields)
        storage = open_storage(url, heartbeat)
        return TrialQueue(definition, storage, name, exclusive=exclusive, heartbeat=heartbeat, say=say)

    return make


@pytest.fixture(scope="session")
def gan_mlp(experiments):
    """Returns the path of the smallest experiment, and options that make it smaller."""
    small = ["--variant", "plain", "--data.size", "8", "--batch-size", "8", "--latent", "2", "--evaluate-images", "16"]
    return str(Path(experiments) / "gan_mlp.py"), [*small, "--no-tensorboard", "--devices", "1"]


@pytest.fixture(scope="session")
def toy_script():
    """Returns the path of an experiment that compiles within a second, see toy_experiment.py, and options of its."""
    return str(Path(__file__).parents[1] / "toy_experiment.py"), ["--evaluate-images", "8", "--devices", "1"]
