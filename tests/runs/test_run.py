import importlib
import sys
import types

import jax
import numpy as np
import pytest

import jaxgen
from jaxgen.errors import UsageError

SMALL = {"batch_size": 8, "tensorboard": False, "checkpoint_every": 2, "log_every": 1, "evaluate_images": 8}


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    """A variational autoencoder after two steps on digits."""
    folder = tmp_path_factory.mktemp("run") / "vae"
    return jaxgen.train("vae", steps=2, run=folder, latent=3, hidden=[8], data={"name": "digits"}, **SMALL)


def test_train_returns_the_run_with_its_options(vae):
    assert (vae.step, vae.config.latent, vae.config.hidden, vae.config.data.name) == (2, 3, (8,), "digits")
    assert repr(vae) == f"<jaxgen run {vae.path}: vae, 2 steps, data digits>"


def test_metrics_are_a_row_for_each_step(vae, monkeypatch):
    rows = vae.metrics(frame=False)
    assert [row["step"] for row in rows] == [1, 2]
    assert {"model/loss", "evaluation/negative_elbo"} & set(rows[-1])
    frames = types.ModuleType("pandas")
    frames.DataFrame = lambda rows: ("frame", rows)
    monkeypatch.setitem(sys.modules, "pandas", frames)
    assert vae.metrics(frame=True) == ("frame", rows)


def test_sampling_encoding_and_decoding(vae):
    samples = vae.sample(3, seed=1)
    assert samples.shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(samples, vae.sample(3, seed=1))
    codes = vae.encode(samples)
    assert codes.shape == (3, 3)
    np.testing.assert_allclose(codes[:1], vae.encode(samples[:1]), rtol=1e-5)
    decoded = vae.decode(codes)
    assert decoded.shape == samples.shape
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    generate = jax.jit(vae.objective.generative.generate)
    np.testing.assert_allclose(generate(vae.variables, codes, None), decoded, atol=1e-5)


def test_open_run_reads_what_train_wrote(vae):
    again = jaxgen.open_run(vae.path)
    assert again.config == vae.config
    np.testing.assert_array_equal(again.sample(2), vae.sample(2))
    raw = jaxgen.open_run(str(vae.path), ema=False)
    assert not np.array_equal(raw.sample(2), vae.sample(2))


def test_resuming_takes_the_steps_that_are_missing(vae, tmp_path):
    whole = jaxgen.train("vae", steps=3, run=tmp_path / "whole", latent=3, hidden=[8], data={"name": "digits"}, **SMALL)
    half = jaxgen.train("vae", steps=1, run=tmp_path / "half", latent=3, hidden=[8], data={"name": "digits"}, **SMALL)
    resumed = half.resume(steps=3)
    assert resumed.step == 3
    np.testing.assert_array_equal(resumed.sample(2), whole.sample(2))
    with pytest.raises(UsageError, match="batch_size is 8 there and 9 here"):
        resumed.resume(steps=4, batch_size=9)


def test_the_html_form_shows_a_grid_and_metrics(vae):
    page = vae._repr_html_()
    assert "data:image/png;base64," in page
    assert "loss" in page


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.sample(0), "count is 0"),
        (lambda run: run.sample(2, label=1), "label 1"),
        (lambda run: run.sample(2, truncation=-1), "truncation is -1"),
        (lambda run: run.encode(np.zeros((1, 8, 8, 1))), "28, 28, 1"),
        (lambda run: run.encode(np.full((1, 28, 28, 1), 3.0)), "from 3 to 3"),
        (lambda run: run.decode(np.zeros((1, 4))), "n, 3"),
        (lambda run: run.decode(np.zeros((1, 3)), [1]), "label 1"),
        (lambda run: run.restore(np.zeros((8, 8))), "restores nothing"),
        (lambda run: jaxgen.load(run.path), "open_run"),
        (lambda run: jaxgen.open_run(run.path, checkpoint="first"), "'last' or 'best'"),
        (lambda run: jaxgen.open_run(run.path / "samples"), "no run folder"),
        (lambda run: jaxgen.train("vae", run=run.path, resume=False), "holds a run"),
        (lambda run: jaxgen.train("vea"), "vae"),
        (lambda run: jaxgen.train("vae", step=3), "steps"),
    ],
)
def test_what_does_not_fit_is_named(vae, call, message):
    with pytest.raises(UsageError, match=message):
        call(vae)


def test_a_conditional_generator_decodes_latents_of_given_classes(tmp_path):
    data = {"name": "digits", "size": 8, "classes": 10}
    run = jaxgen.train("conditional", steps=1, run=tmp_path / "run", network="mlp", data=data, **SMALL)
    latents = np.random.default_rng(0).normal(size=(3, 100))
    images = run.decode(latents, [0, 1, 2])
    np.testing.assert_array_equal(images, run.decode(latents))
    assert not np.array_equal(images, run.decode(latents, [0, 0, 0]))
    for labels, message in (([0, 1, 10], "label 10"), ([0, 1], "one for each")):
        with pytest.raises(UsageError, match=message):
            run.decode(latents, labels)


def test_a_restorer_is_called_through_the_run_or_loaded(tmp_path):
    options = {"depth": 3, "width": 4, "data": {"name": "photos", "size": 16}, **SMALL}
    run = jaxgen.train("denoise", steps=1, run=tmp_path / "run", **options)
    noisy = np.full((20, 24), 128, np.uint8)
    network = jaxgen.load(run.path)
    result = run.restore(noisy)
    assert (result.shape, result.dtype) == (noisy.shape, noisy.dtype)
    np.testing.assert_array_equal(network(noisy), result)
    assert network.card.data == "photos"
    assert network.card.spec.parameters > 0
    assert "denoise" in str(network.card)


def test_an_own_script_trains_and_resumes(tmp_path, experiments):
    script = tmp_path / "mine.py"
    script.write_text((experiments / "vae.py").read_text() + "\n# Mine.\n")
    options = {"latent": 2, "hidden": [4], "data": {"name": "digits"}, **SMALL}
    run = jaxgen.train(str(script), steps=1, run=tmp_path / "run", **options)
    assert run.resume(steps=2).step == 2
    with pytest.raises(UsageError, match="trust=True"):
        jaxgen.open_run(run.path)
    assert jaxgen.open_run(run.path, trust=True).resume(steps=3).step == 3
    assert importlib.import_module("jaxgen.experiments.vae").__name__ in sys.modules
