import importlib
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.models.restoration import ARCHITECTURES
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import restore
from jaxgen.runs.reopen import open_run

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = (
    "--data.name digits --data.size 16 --data.fit resize --steps 1 --batch-size 2 --evaluate-images 2 --no-tensorboard"
)


@pytest.fixture(scope="module")
def shipping():
    """The module scripts/shipping/restorers.py."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("shipping.restorers")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set").mkdir()
    values = np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "set" / "a.png")
    return tmp_path


@pytest.mark.parametrize("name", ["noise_level", "denoise_gray"])
def test_what_is_trained_is_shipped_with_its_card(shipping, folder, monkeypatch, name):
    small = {
        "noise_level": ("--depth 2 --width 4", ()),
        "denoise_gray": ("--widths 4 --blocks 1", ("set",)),
    }[name]
    recipe = shipping.RECIPES[name]._replace(words=f"{TINY} {small[0]}", sets=small[1])
    monkeypatch.setitem(shipping.RECIPES, name, recipe._replace(before=()))
    sha256 = shipping.make(name, str(folder), folder / "runs", folder, "a test")
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setitem(pretrained.NETWORKS, name, sha256)
    card = pretrained.read(name)[1]
    assert card.command == f"python experiments/{recipe.experiment}.py {recipe.words}"
    assert (card.training, pretrained.digest(name)) == ("a test", sha256)
    opened = open_run(folder / "runs" / name)
    image = np.random.default_rng(1).random((1, 16, 16, 1), np.float32)
    if name == "noise_level":
        found = pretrained.load_noise_estimator()(image)
        assert list(card.scores) == ["held-out pictures, error"]
    else:
        level = np.full_like(image, 0.1)
        found = pretrained.load_restorer(name).network(np.concatenate([image, level], -1))
        np.testing.assert_allclose(found, opened.objective.restoring.restore(opened.variables, image, level), atol=1e-6)
        # By itself, and with the level told by the network that is shipped already.
        hows = ("given", "given, ensemble", "estimated")
        ways = [f"set, σ {sigma}, network, σ {how}" for sigma in (0, 15, 25, 50) for how in hows]
        assert set(card.scores) == {"protocol", *ways}
        assert card.spec.conditioning == "noise_level"
    assert np.isfinite(found).all()
    assert pretrained.to_text(pretrained.describe(name)).splitlines()[0].split() == ["sha256", sha256]
    json.dumps(card._asdict())


def test_a_network_is_trained_from_the_one_before(shipping, folder, monkeypatch):
    words = f"{TINY} --widths 4 --blocks 1"
    recipe = shipping.RECIPES["denoise_gray"]
    recipe = recipe._replace(words=f"{words} --data.rotate", before=(words, f"{words} --seed 1"), sets=())
    monkeypatch.setitem(shipping.RECIPES, "denoise_gray", recipe)
    sha256 = shipping.make("denoise_gray", str(folder), folder / "runs", folder, "a test")
    runs = [folder / "runs" / f"denoise_gray{part}" for part in ("-before-1", "-before-2", "")]
    first, before, after = map(open_run, runs)
    assert [opened.config.init_from for opened in (first, before, after)] == ["", str(runs[0]), str(runs[1])]
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setitem(pretrained.NETWORKS, "denoise_gray", sha256)
    script = "python experiments/residual_unet.py"
    assert pretrained.read("denoise_gray")[1].command.split(" && ") == [
        f"{script} {words} --run RUN-before-1",
        f"{script} {words} --seed 1 --init-from RUN-before-1 --run RUN-before-2",
        f"{script} {words} --data.rotate --init-from RUN-before-2 --run RUN",
    ]
    # One step of the average is a small step from where it started.
    first, last = (opened.variables["params"] for opened in (before, after))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-2), first, last)
    assert any(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != b).any()), first, last)))


SMALL = {
    "dehaze": "--data.channels 3 --widths 4 4 --side 8",
    "inpaint_all": "--data.channels 3 --widths 4 --blocks 1 --damage holes",
    "inpaint_translucent": "--data.channels 3 --radius 1 --width 4 --depth 1 --damage holes",
    "superres": "--data.channels 3 --width 4 --blocks 1 --scale 2 --no-norm --residual",
    "detect": "--data.channels 3 --widths 4 8 --damage holes",
    "detect_lines": "--data.channels 3 --network residual --widths 4 8 --blocks 1 --damage holes",
}


@pytest.mark.parametrize("name", SMALL)
def test_networks_for_other_damage_are_shipped_too(shipping, folder, monkeypatch, name):
    recipe = shipping.RECIPES[name]._replace(words=f"{TINY} {SMALL[name]}", before=())
    monkeypatch.setitem(shipping.RECIPES, name, recipe)
    monkeypatch.setitem(pretrained.NETWORKS, name, shipping.make(name, str(folder), folder / "runs", folder, "a test"))
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    card = pretrained.read(name)[1]
    assert card.output == recipe.output
    assert card.spec.conditioning == recipe.conditioning
    assert all(score.startswith("held-out pictures, ") for score in card.scores)
    image = np.random.default_rng(1).random((16, 16, 3), np.float32)
    network = pretrained.load(name, card.output)
    found = restore(network, image, 1.0 if recipe.conditioning == "mask" else None)
    assert found.shape == (16 * card.spec.scale, 16 * card.spec.scale, 1 if recipe.output == "mask" else 3)
    opened = open_run(folder / "runs" / name)
    told = np.ones((1, 16, 16, 1), np.float32) if recipe.conditioning == "mask" else None
    inputs = image[None] if told is None else np.concatenate([image[None], told], -1)
    if recipe.output == "mask":
        expected = opened.objective.detecting.detect(opened.variables, image[None])
        np.testing.assert_allclose(1 / (1 + np.exp(-network.network(inputs))), expected, atol=1e-5)
    else:
        expected = opened.objective.restoring.restore(opened.variables, image[None], told)
        np.testing.assert_allclose(network.network(inputs), expected, atol=1e-5)
    with pytest.raises(UsageError, match=f"{name} is {card.output} and not noise_level: choose another network"):
        pretrained.load_noise_estimator(name)


def test_every_recipe_is_a_command_that_its_experiment_understands(shipping, load_experiment):
    from jaxgen.runs import command_line

    for recipe in shipping.RECIPES.values():
        module = load_experiment(recipe.experiment)
        for words in (*recipe.before, recipe.words):
            config = command_line.parse(module.Config, words.split(), "", recipe.experiment)
            module.build(config)
        assert set(shipping.fields(recipe, config)) <= set(ARCHITECTURES[recipe.network].__dataclass_fields__)


def test_what_cannot_be_shipped_is_told(shipping, tmp_path):
    with pytest.raises(UsageError, match="unknown shipped restorer 'denoise_grey': did you mean denoise_gray"):
        shipping.make("denoise_grey", "", tmp_path, tmp_path, "")
    with pytest.raises(UsageError, match=r"no folder .*missing: make it first"):
        shipping.make("denoise_gray", "", tmp_path, tmp_path / "missing", "")
