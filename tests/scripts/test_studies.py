import dataclasses
import importlib
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from jaxgen.errors import UsageError

SCRIPTS = Path(__file__).parents[2] / "scripts"
EXTRA = "--steps 2 --batch-size 8 --evaluate-images 70 --variant plain --no-tensorboard --sample-every 0"


@pytest.fixture(scope="module")
def studies():
    """The modules (recipes, study) of scripts/studies."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("studies.recipes"), importlib.import_module("studies.study")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def recipe(studies):
    return studies[0].Recipe("gan_mlp", f"{EXTRA} --data.size 28", "digits", count=80)


def test_every_recipe_is_a_command_that_its_experiment_understands(studies, load_experiment):
    from jaxgen.runs import command_line

    for recipe in studies[0].RECIPES.values():
        words = studies[1].command(recipe, "DIR", 3, Path("RUN"))
        config = command_line.parse(load_experiment(recipe.experiment).Config, words[1:], "", words[0])
        assert (config.seed, config.run, config.evaluate_extractor) == (3, "RUN", recipe.data)
        assert config.data.name == recipe.data
        load_experiment(recipe.experiment).build(config)


def test_an_npz_file_is_read_as_one_and_stacked_digits_are_composed_of_it(studies):
    recipes, study = studies
    words = study.command(recipes.RECIPES["mnist_dcgan"], "mnist.npz", 0, Path("RUN"))
    assert words[1:5] == ["--data.name", "npz", "--data.dir", "mnist.npz"]
    words = study.command(recipes.RECIPES["stacked_dcgan"], "mnist.npz", 0, Path("RUN"))
    assert words[1:5] == ["--data.name", "stacked_mnist", "--data.dir", "mnist.npz"]


def test_a_seed_is_trained_evaluated_and_printed_once(studies, recipe, tmp_path):
    _, study = studies
    messages = []
    results = study.study({"tiny": recipe}, "", [4], tmp_path, messages.append)
    assert len(messages) == len(results["tiny"]["results"]) == 1
    result = results["tiny"]["results"][0]
    assert result["seed"] == 4
    assert result["last"]["protocol"]["generated"] == 80
    assert result["best"] == result["last"]
    assert len((tmp_path / "tiny" / "seed-4" / "evaluations.jsonl").read_text().splitlines()) == 1
    assert "--seed 0 --run RUN" in results["tiny"]["command"]
    assert 0 < result["training_seconds"] < 600
    written = (tmp_path / "tiny" / "seed-4.json").stat()
    again = study.study({"tiny": recipe}, "", [4], tmp_path, messages.append)
    assert json.dumps(again) == json.dumps(results)
    assert (tmp_path / "tiny" / "seed-4.json").stat().st_mtime_ns == written.st_mtime_ns
    other = dataclasses.replace(recipe, options=recipe.options + " --latent 3")
    with pytest.raises(UsageError, match=r"seed-4.json is of `.*`, and now it is `.* --latent 3`: choose another"):
        study.study({"tiny": other}, "", [4], tmp_path, messages.append)


def test_a_best_checkpoint_that_is_not_the_last_is_measured_too(studies, recipe, monkeypatch):
    _, study = studies
    monkeypatch.setattr(
        study.scoring, "evaluate_run", lambda run, options, **_: {"step": {"last": 9, "best": 6}[options.checkpoint]}
    )
    for step, results in ((6, ({"step": 9}, {"step": 6})), (9, ({"step": 9}, {"step": 9}))):
        monkeypatch.setattr(study.summary, "describe", lambda run, step=step: {"best": {"step": step}})
        assert study.evaluate(recipe, Path("RUN")) == results


def test_seeds_at_once_split_the_cores_and_are_printed_in_order(studies, recipe, monkeypatch, tmp_path, all_cores):
    _, study = studies
    used, both = {}, threading.Barrier(2, timeout=30)

    def train(words, seconds_file):
        both.wait()
        used[threading.get_ident()] = os.sched_getaffinity(0)
        seconds_file.parent.mkdir(exist_ok=True)
        return 1.0

    monkeypatch.setattr(study, "train", train)
    monkeypatch.setattr(study, "evaluate", lambda recipe, run: ({"scores": {"cfid": 2.0}},) * 2)
    before, messages = os.sched_getaffinity(0), []
    results = study.study({"a": recipe, "b": recipe}, "", [0, 1], tmp_path, messages.append, processes=2)
    assert [line.split(":")[0] for line in messages] == ["a, seed 0", "a, seed 1", "b, seed 0", "b, seed 1"]
    assert [result["seed"] for result in results["b"]["results"]] == [0, 1]
    assert sorted(map(sorted, used.values())) == sorted(map(sorted, study.split_cores(2)))
    assert set.union(*used.values()) == all_cores
    assert os.sched_getaffinity(0) == before


def test_no_core_is_idle_and_none_is_shared_where_there_are_enough(studies, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 5, 6, 7})
    assert studies[1].split_cores(2) == [{3, 5, 7}, {4, 6}]
    assert studies[1].split_cores(1) == [set()]
    assert studies[1].split_cores(6) == [{3}, {4}, {5}, {6}, {7}, {3}]


def test_the_error_of_a_failed_training_names_its_command(studies, recipe, tmp_path):
    broken = dataclasses.replace(recipe, options=recipe.options + " --latnt 3")
    with pytest.raises(UsageError, match=r"python experiments/gan_mlp.py .* --latnt 3 ended with status 2"):
        studies[1].study({"tiny": broken}, "", [0], tmp_path, print)
    assert len((tmp_path / "tiny" / "seed-0.seconds").read_text().split()) == 1
    assert not (tmp_path / "tiny" / "seed-0.json").exists()


def test_the_table_has_final_and_best_score_ratio_and_floor(studies):
    scores = lambda value, modes: {"scores": {"cfid": value, "modes": modes}, "floor": {"cfid": 1.0, "modes": 1000}}
    results = [
        {"seed": seed, "training_seconds": 60, "last": scores(last, 900 + seed), "best": scores(best, 950)}
        for seed, (last, best) in enumerate([(12.0, 10.0), (14.0, 14.0)])
    ]
    summary = {"command": "python x", "scores": ("cfid", "modes"), "results": results}
    lines = studies[1].table({"tiny": summary}).splitlines()
    assert lines[2] == "| tiny | cfid | 13 ± 1.4 | 12 ± 2.8 | 1.2 | 1 | 2 | 60 s |"
    assert lines[3] == "| tiny | modes | 900.5 ± 0.71 | 950 ± 0 |  | 1000 | 2 | 60 s |"
    assert lines[-1] == "- tiny: `python x`"
