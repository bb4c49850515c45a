"""What tests/test_adding.py checks in its copy of the package: options, help, errors and tables follow registries."""

import importlib.machinery
import importlib.util
import os
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxgen
from jaxgen.errors import UsageError
from jaxgen.evaluation.scores import direction_of
from jaxgen.metrics.protocols import compare
from jaxgen.models.restoration import ARCHITECTURES
from jaxgen.runs.command_line import parse
from jaxgen.runs.scripts import load_script

pytestmark = pytest.mark.usefixtures("no_samples")

REPOSITORY = Path(os.environ["JAXGEN_REPOSITORY"])
RESTORER = "--damage posterize --hyper.posterize-levels 4 --losses log_cosh --hyper.log-cosh-weight 2 --optimizer nadam"
GAN = "--loss two_hinges --penalties drift --hyper.drift-weight 0.01 --variant plain --batch-size 4"


def test_the_package_is_the_copy():
    assert not Path(jaxgen.__file__).is_relative_to(REPOSITORY / "jaxgen")


@pytest.mark.parametrize(("name", "added"), [("small", RESTORER), ("gan_mlp", GAN)], ids=["small", "gan_mlp"])
def test_help_has_each_option_and_name(capsys, name, added):
    with pytest.raises(SystemExit):
        parse(load_script(name).Config, ["--help"], "", name)
    text = capsys.readouterr().out
    assert [word for word in added.split() if not word[0].isdigit() and word not in text] == []


@pytest.mark.parametrize(
    ("name", "option", "typed", "meant"),
    [
        ("small", "damage", "posterise", "posterize"),
        ("small", "losses", "log_cos", "log_cosh"),
        ("small", "optimizer", "nadan", "nadam"),
        ("gan_mlp", "loss", "two_hinge", "two_hinges"),
        ("gan_mlp", "penalties", "drft", "drift"),
    ],
)
def test_errors_name_the_nearest(name, option, typed, meant):
    with pytest.raises(UsageError, match=rf"\b{meant}\b"):
        parse(load_script(name).Config, [f"--{option}", typed], "", name)


def test_a_value_out_of_range_and_one_without_effect_are_refused(tmp_path):
    with pytest.raises(UsageError, match="posterize_levels is 1: give a finite number of at least 2"):
        jaxgen.train("small", run=tmp_path, damage="posterize", hyper={"posterize_levels": 1})
    with pytest.raises(UsageError, match="log_cosh_weight is 2 and has no effect: add log_cosh to losses"):
        jaxgen.train("small", run=tmp_path, hyper={"log_cosh_weight": 2})


def test_the_experiment_trains_and_restores_with_all_parts(tmp_path):
    config = parse(load_script("small").Config, RESTORER.split(), "", "small")
    hyper = {"posterize_levels": config.hyper.posterize_levels, "log_cosh_weight": config.hyper.log_cosh_weight}
    run = jaxgen.train(
        "small",
        run=tmp_path / "run",
        steps=2,
        batch_size=2,
        width=2,
        damage=config.damage,
        losses=config.losses,
        optimizer=config.optimizer,
        hyper=hyper,
        evaluate_images=2,
        sample_every=0,
        log_every=1,
        tensorboard=False,
    )
    assert np.isfinite(run.metrics(frame=False)[-1]["model/loss"])
    assert run.restore(np.full((9, 7), 0.5, np.float32)).shape == (9, 7)
    assert run.restore.card.architecture == "SmallNet"
    assert ARCHITECTURES["SmallNet"](**run.restore.card.fields) == run.restore.card.module()


def test_the_step_of_a_gan_has_the_loss_and_the_penalty():
    module = load_script("gan_mlp")
    objective = module.build(parse(module.Config, GAN.split(), "", "gan_mlp"))
    batch = {"image": jax.ShapeDtypeStruct((4, 28, 28, 1), "float32")}
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    assert "drift_weight" in state.hyper
    assert "discriminator/drift" in jax.eval_shape(objective.step, state, batch)[1]


def test_the_metric_and_the_score_are_in_their_tables():
    images = np.zeros((1, 11, 11, 1), np.float32)
    (error,) = compare("gray8", images, images + 0.5)["largest_error"]
    assert error == pytest.approx(128 / 255)
    assert direction_of("evaluation/largest_error") == direction_of("evaluation/cmean_distance") == "minimize"


def test_the_tables_of_the_readmes_have_a_row_for_each():
    loader = importlib.machinery.SourceFileLoader("tables", str(REPOSITORY / "scripts" / "tables"))
    tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", loader))
    loader.exec_module(tables)
    text = "\n".join(tables.tables().values())
    added = ("log_cosh", "two_hinges", "posterize", "small", "nadam", "drift")
    assert [name for name in added if f"`{name}`" not in text] == []
