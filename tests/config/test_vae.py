"""From a variational run to its likelihood, its codes and samples of a mixture."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from jaxgen.commands import main
from jaxgen.errors import UsageError
from jaxgen.evaluation import likelihood
from jaxgen.fields import require_in_range
from jaxgen.io import images
from jaxgen.runs import codes, latents, reopen, scoring
from jaxgen.runs.disk.digests import digest
from jaxgen.runs.reopen import OpenOptions, open_run
from jaxgen.runs.train import prepare, train
from jaxgen.training import memory

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"batch_size": 32, "tensorboard": False, "sample_every": 0, "evaluate_images": 2, "evaluate_every": 0}
SMALL = {"latent": 4, "hidden": (32,)}
silent = lambda line: None
npz_of = lambda config, path: dataclasses.replace(config.data, name="npz", dir=str(path))


@pytest.fixture(scope="module")
def configure(load_experiment):
    def configure(name, run, **fields):
        module = load_experiment(name)
        config = module.Config(**QUIET, run=str(run), **fields)
        data = dataclasses.replace(config.data, name="digits", size=8, channels=1)
        return dataclasses.replace(config, data=data), module.build

    return configure


@pytest.fixture(scope="module")
def run(configure, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "vae"
    train(*configure("vae", path, steps=400, binarise=True, **SMALL), say=silent)
    return path


@pytest.fixture(scope="module")
def generator(configure, tmp_path_factory, load_experiment):
    path = tmp_path_factory.mktemp("runs") / "gan"
    module = load_experiment("gan_mlp")
    config = module.Config(**QUIET, run=str(path), steps=1, variant="plain", latent=2)
    train(dataclasses.replace(config, data=dataclasses.replace(config.data, size=8)), module.build, say=silent)
    return path


def test_the_likelihood_is_reported_with_its_protocol_and_appended_to_the_run(run):
    result = scoring.evaluate_likelihood(run, 200, count=150, say=silent)
    scores, protocol = result["scores"], result["protocol"]
    assert scores["nll"] < scores["negative_elbo"]
    assert 0 < scores["nll_error"] < 2
    assert 1 <= scores["effective_samples"] <= 200
    assert 1 <= scores["active_units"] <= 4
    assert scores["bits_per_dimension"] == pytest.approx(scores["nll"] / 64 / np.log(2))
    assert protocol["images"] == 150 and protocol["samples"] == 200 and protocol["split"] == "test"
    assert protocol["pixels"].startswith("black or white, drawn once")
    assert json.loads((run / scoring.FILE).read_text().splitlines()[-1]) == result
    text = likelihood.to_text(result)
    assert "nll" in text and "drawn once" in text and "effective_samples" in text


def test_the_size_of_chunks_changes_the_draws_alone(run):
    small, large = (scoring.evaluate_likelihood(run, 200, count=100, chunk_size=c, say=silent) for c in (5, 100))
    assert small["protocol"]["chunk"] == 5
    assert small["scores"]["nll"] == pytest.approx(large["scores"]["nll"], abs=0.5)


def test_more_codes_find_the_images_likelier(run):
    few, many = (scoring.evaluate_likelihood(run, k, count=100, say=silent)["scores"]["nll"] for k in (2, 200))
    assert many < few - 0.1


def test_chunks_are_chosen_so_that_their_arrays_stay_small(monkeypatch):
    draw = lambda images, count: images.sum() * np.ones((count, 1000), np.float32)
    monkeypatch.setattr(likelihood, "CHUNK_BYTES", 45 * 1000 * 4)
    assert likelihood.choose_chunk(draw, (np.ones(3, "f"),), 100, 0) == 34
    # A prime has no divisor, and needs none.
    assert likelihood.choose_chunk(draw, (np.ones(3, "f"),), 101, 0) == 34
    assert likelihood.choose_chunk(draw, (np.ones(3, "f"),), 10, 0) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 201}, "--chunk-size 201: give 1 to 200, the number of samples"),
        ({"seed": -1}, r"seed -1: give an integer"),
    ],
)
def test_what_cannot_be_measured_is_reported(run, options, message):
    with pytest.raises(UsageError, match=message):
        scoring.evaluate_likelihood(run, 200, count=10, say=silent, **options)


def test_a_chunk_that_does_not_fit_memory_is_reported_before_anything_is_compiled(run, monkeypatch):
    monkeypatch.setattr(memory, "device_bytes", lambda: 2**16)
    with pytest.raises(UsageError, match=r"a chunk of 100 codes for 100 images each needs at least .* GiB"):
        scoring.evaluate_likelihood(run, 200, count=10, chunk_size=100, say=silent)


def test_as_many_codes_as_do_not_fit_memory_are_reported_before_a_step_is_compiled(configure, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "device_bytes", lambda: 2**18)
    with pytest.raises(UsageError, match=r"a step of 32 images with 1000 codes each needs at least .*: lower samples"):
        train(*configure("iwae", tmp_path / "run", steps=1, samples=1000, latent=4, hidden=(32,)), say=silent)
    assert not (tmp_path / "run").exists()


def test_a_step_that_fits_when_it_is_spread_over_devices_is_not_refused(configure, tmp_path, monkeypatch):
    config, build = configure("iwae", tmp_path / "run", samples=1000, latent=4, hidden=(32,))
    # The pixels of 32 images with 1000 codes each, and their gradient.
    monkeypatch.setattr(memory, "device_bytes", lambda: 2 * 32 * 1000 * 64 * 4 // 2)
    monkeypatch.setattr(memory, "count_memories", lambda devices, platform: devices)
    with pytest.raises(UsageError, match="1000 codes each needs at least"):
        prepare(config, build)
    assert prepare(config, build, devices=lambda: 2).template.step.shape == ()


def test_a_bernoulli_likelihood_of_grey_intensities_is_marked(configure, tmp_path):
    lines = []
    train(*configure("vae", tmp_path / "run", steps=1, **SMALL), say=lines.append)
    assert any("no probability of images; train with --binarise" in line for line in lines)
    lines.clear()

    def say(line):
        lines.append((line, (tmp_path / "run" / scoring.FILE).exists()))

    result = scoring.evaluate_likelihood(tmp_path / "run", 5, count=10, say=say)
    assert "bits_per_dimension" not in result["scores"]
    assert result["protocol"]["pixels"] == "intensities, which is no probability of images"
    # Before the estimate, which may take hours, and not after it.
    assert [done for line, done in lines if "no probability of images; train with --binarise" in line] == [False]


def test_images_that_are_black_and_white_already_are_not_warned_of(configure, tmp_path):
    image = np.random.default_rng(0).choice(np.uint8([0, 255]), (40, 8, 8, 1))
    np.savez(tmp_path / "set.npz", image=image)
    config, build = configure("vae", tmp_path / "run", steps=1, **SMALL)
    lines = []
    train(dataclasses.replace(config, data=npz_of(config, tmp_path / "set.npz")), build, say=lines.append)
    assert not any("no probability" in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "pixels"),
    [("logistic", "256 grey levels"), ("gaussian", "intensities with noise of one level, a density")],
)
def test_other_likelihoods_have_bits_per_dimension(configure, tmp_path, kind, pixels):
    train(*configure("vae", tmp_path / "run", steps=1, likelihood=kind, **SMALL), say=silent)
    result = scoring.evaluate_likelihood(tmp_path / "run", 5, count=10, say=silent)
    offset = 8 if kind == "gaussian" else 0
    expected = result["scores"]["nll"] / 64 / np.log(2) + offset
    assert result["scores"]["bits_per_dimension"] == pytest.approx(expected)
    assert result["protocol"]["pixels"] == pixels


def test_a_run_without_a_likelihood_is_reported(generator):
    with pytest.raises(UsageError, match="this run has no likelihood; only variational experiments have one"):
        scoring.evaluate_likelihood(generator, 5, say=silent)
    with pytest.raises(UsageError, match="this run has no codes of images"):
        latents.with_mixture(open_run(generator))


def test_a_mixture_is_found_where_it_is():
    rng = np.random.default_rng(0)
    centres = np.float32([[-3, 0], [3, 1]])
    codes = centres[rng.integers(0, 2, 3000)] + 0.2 * rng.normal(size=(3000, 2)).astype("f")
    log_weights, means, factors = latents.fit_mixture(codes, 2)
    np.testing.assert_allclose(np.exp(log_weights), 0.5, atol=0.05)
    np.testing.assert_allclose(np.asarray(means)[np.asarray(means)[:, 0].argsort()], centres, atol=0.05)
    np.testing.assert_allclose(
        np.asarray(factors) @ np.asarray(factors).transpose(0, 2, 1),
        np.broadcast_to(0.04 * np.eye(2), (2, 2, 2)),
        atol=0.01,
    )
    drawn = np.asarray(latents.draw_mixture(jax.random.split(jax.random.key(0), 4000), (log_weights, means, factors)))
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.3)
    with pytest.raises(UsageError, match="3001 components for 3000 codes"):
        latents.fit_mixture(codes, 3001)


def test_samples_of_a_mixture_are_scored_with_that_in_the_protocol(run):
    prior = scoring.evaluate_run(run, count=500, say=silent)
    result = scoring.evaluate_run(run, count=500, mixture=10, say=silent)
    assert prior["protocol"]["latents"] == "the prior"
    assert result["protocol"]["latents"].startswith("a mixture of 10 Gaussians fitted to the codes of up to 10000 ")
    assert result["scores"]["cfid"] != prior["scores"]["cfid"]
    opened, codes = open_run(run), latents.training_codes(open_run(run))
    made = latents.with_mixture(opened, 1).sample(2000, 0)
    # One Gaussian has the codes' own mean and spread, and so have the codes of what it draws, roughly.
    again = np.asarray(opened.objective.latent.encode(opened.variables, made)[0])
    assert abs(again.mean(0) - codes.mean(0)).max() < 0.5


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(30):
        images.write(folder / f"p{i:02}.png", rng.uniform(0, 1, (10, 10, 1)).astype("f"))
    return folder


def test_decoded_files_are_the_reconstructions_of_the_images(run, pictures, tmp_path):
    output = codes.encode_files(run, [pictures], tmp_path / "codes.npz", say=silent)
    assert "30 images" in output and "bits per dimension" in output and "PSNR" in output
    output = codes.decode_file(run, tmp_path / "codes.npz", tmp_path / "out", say=silent)
    assert output == f"{tmp_path / 'out'}  30 images"
    opened = open_run(run)
    originals = codes.read_images(sorted(pictures.iterdir()), reopen.build(run, say=silent))
    expected = np.asarray(opened.objective.latent.reconstruct(opened.variables, originals))
    result = np.stack([images.read(tmp_path / "out" / f"p{i:02}.png") for i in range(30)])
    np.testing.assert_allclose(result, expected, atol=0.25)
    assert abs(result - expected).mean() < 0.03


def test_a_finer_step_takes_more_bits_and_an_ideal_code_as_many_as_the_prior_says():
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(20_000, 3))
    rate = lambda step: codes.ideal_bits(codes.quantize(latents, step), step) / latents.size
    # The entropy of a standard normal number in steps δ: ½ log₂(2πe) − log₂ δ.
    for step in (0.5, 0.1):
        assert rate(step) == pytest.approx(0.5 * np.log2(2 * np.pi * np.e) - np.log2(step), abs=0.02)
    far = np.int16([[200]])
    assert np.isfinite(codes.ideal_bits(far, 0.25)) and codes.ideal_bits(far, 0.25) > 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(out="codes.txt"), r"give a file that ends in \.npz"),
        (lambda a: a.update(run="generator"), "this run has no codes of images"),
        (lambda a: a.update(paths=["pictures", "again"]), "several images are named p00"),
    ],
)
def test_what_cannot_be_encoded_is_reported(run, generator, pictures, tmp_path, change, message):
    again = tmp_path / "again"
    again.mkdir()
    (again / "p00.png").write_bytes((pictures / "p00.png").read_bytes())
    sources = {"generator": generator, "pictures": pictures, "again": again}
    arguments = {"run": run, "paths": ["pictures"], "out": "codes.npz"}
    change(arguments)
    with pytest.raises(UsageError, match=message):
        codes.encode_files(
            sources.get(arguments["run"], run),
            [sources[p] for p in arguments["paths"]],
            tmp_path / arguments["out"],
            say=silent,
        )


def test_codes_are_not_replaced_and_not_taken_from_another_run(run, configure, pictures, tmp_path):
    file = tmp_path / "codes.npz"
    codes.encode_files(run, [pictures], file, say=silent)
    with pytest.raises(UsageError, match="is there already"):
        codes.encode_files(run, [pictures], file, say=silent)
    other = tmp_path / "other"
    train(*configure("vae", other, steps=1, **SMALL), say=silent)
    with pytest.raises(UsageError, match=r"of other variables, at step 400, and .* is at step 1: give the run"):
        codes.decode_file(other, file, tmp_path / "out", say=silent)
    # Of the same step and size, but not averaged, or of another run.
    with pytest.raises(
        UsageError, match=r"at step 400, and .* is at step 400: give .* the same --checkpoint and --ema"
    ):
        codes.decode_file(run, file, tmp_path / "out", options=OpenOptions(ema=False), say=silent)
    train(*configure("vae", tmp_path / "seeded", steps=1, seed=1, **SMALL), say=silent)
    codes.encode_files(other, [pictures], file, overwrite=True, say=silent)
    with pytest.raises(UsageError, match="of other variables, at step 1"):
        codes.decode_file(tmp_path / "seeded", file, tmp_path / "out", say=silent)
    assert not (tmp_path / "out").exists()
    with np.load(file) as loaded:
        np.savez(file, **{name: loaded[name] for name in loaded if name != "digest"})
    with pytest.raises(UsageError, match=r"no file of codes as `jaxgen encode` writes it \(KeyError"):
        codes.decode_file(other, file, tmp_path / "out", say=silent)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(UsageError, match="is no file of codes as `jaxgen encode` writes it"):
        codes.decode_file(run, file, tmp_path / "out", say=silent)


def test_names_in_a_file_of_codes_stay_in_the_folder(run, tmp_path):
    opened = open_run(run)
    made = {"run_step": opened.step, "digest": digest(opened.variables)}
    np.savez(tmp_path / "c.npz", names=["../../escaped"], numbers=np.zeros((1, 4), np.int16), step=0.25, **made)
    codes.decode_file(run, tmp_path / "c.npz", tmp_path / "out", say=silent)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["escaped.png"]
    assert not (tmp_path.parent / "escaped.png").exists()


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("evaluate {run} --likelihood 20 --count 50", "nll"),
        ("evaluate {run} --mixture 4 --count 300", "a mixture of 4 Gaussians"),
        ("sample {run} --mixture 4 --count 2 --out {out}/made --nearest", "nearest.png"),
        ("sample {run} --truncation 0.5 --count 2 --out {out}/made", "grid.png"),
        ("encode {run} {pictures} --out {out}/codes.npz --quantization-step 0.5", "bits per dimension"),
    ],
)
def test_the_command_does_as_much(run, pictures, tmp_path, capsys, words, output):
    with pytest.raises(SystemExit) as stop:
        main.main(words.format(run=run, pictures=pictures, out=tmp_path).split())
    assert stop.value.code == 0
    assert output in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("evaluate {run} --chunk-size 5", "--chunk-size: it is for --likelihood"),
        ("evaluate {run} --likelihood 5 --mixture 3", "--mixture: it has no effect beside --likelihood"),
        ("evaluate {run} --likelihood 5 --images x", "--likelihood: it has no effect beside --images"),
    ],
)
def test_options_that_do_not_go_together_are_reported(run, capsys, words, output):
    with pytest.raises(SystemExit) as stop:
        main.main(words.format(run=run).split())
    assert stop.value.code == 2
    assert output in capsys.readouterr().err


def test_a_likelihood_that_does_not_fit_the_data_is_refused(configure, tmp_path):
    config, build = configure("vae", tmp_path / "run", likelihood="logistic")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, dequantize=True))
    with pytest.raises(UsageError, match=r"likelihood logistic is of 256 levels, and data\.dequantize"):
        build(config, None)


def test_a_standard_deviation_is_above_0(configure, tmp_path):
    config, _ = configure("vae", tmp_path / "run", likelihood="gaussian")
    with pytest.raises(UsageError, match=r"hyper\.likelihood_scale is 0: give"):
        require_in_range(dataclasses.replace(config, hyper=dataclasses.replace(config.hyper, likelihood_scale=0.0)))
