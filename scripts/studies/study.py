"""Trains recipes with several seeds and evaluates them. Every seed is a run that can be interrupted and resumed.

Seeds are processes, not a population: on a CPU four members as one program took 10.4 times as long as one, while two
processes on one core each finished 1.2 times as much as one on both. Their results are the same to the last bit.

The best checkpoint is chosen during training against the training split, from latents of its own; both checkpoints are
reported against the test split, from other latents.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from jaxgen.errors import UsageError
from jaxgen.runs import scoring, summary
from jaxgen.runs.reopen import OpenOptions
from studies.recipes import Recipe

ROOT = Path(__file__).resolve().parents[2]
REPORT_SEED = 1


def command(recipe: Recipe, source: str, seed: int, run: Path) -> list[str]:
    """Returns the command that trains one seed of a recipe.

    Args:
      recipe: to train.
      source: an .npz file of the data set, or TFDS's folder.
      seed: of the run.
      run: its folder.
    """
    is_composed = recipe.data == "stacked_mnist"
    name = "npz" if source.endswith(".npz") and not is_composed else recipe.data
    return [
        *(f"experiments/{recipe.experiment}.py", "--data.name", name, "--data.dir", source),
        *("--evaluate-extractor", recipe.data, "--seed", str(seed), "--run", str(run)),
        *shlex.split(recipe.options),
    ]


def train(words: Sequence[str], seconds_file: Path) -> float:
    """Trains by a command, or resumes it, and returns the seconds of all attempts together.

    Args:
      words: the command.
      seconds_file: holds the seconds of each attempt.
    Raises:
      UsageError: if it fails; it has printed the reason.
    """
    begin = time.perf_counter()
    try:
        status = subprocess.run([sys.executable, *words], check=False, cwd=ROOT, stdout=subprocess.DEVNULL).returncode
    finally:
        seconds_file.parent.mkdir(parents=True, exist_ok=True)
        with seconds_file.open("a") as file:
            file.write(f"{time.perf_counter() - begin:.1f}\n")
    if status:
        raise UsageError(f"python {shlex.join(words)} ended with status {status}: correct the cause and run this again")
    return sum(map(float, seconds_file.read_text().split()))


def evaluate(recipe: Recipe, run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evaluates the last and the best checkpoint of a run; a checkpoint that is both, once."""

    def score(which: Literal["last", "best"]) -> dict[str, Any]:
        return scoring.evaluate_run(
            run,
            extractor=recipe.data,
            options=OpenOptions(checkpoint=which),
            count=recipe.count,
            reference="test",
            seed=REPORT_SEED,
        )

    last = score("last")
    is_best = summary.describe(run)["best"]["step"] == last["step"]
    return last, last if is_best else score("best")


def read_result(recipe: Recipe, source: str, seed: int, run: Path) -> dict[str, Any] | None:
    """Reads the result of a seed that was trained and evaluated before; None without one.

    Raises:
      UsageError: if it belongs to another command.
    """
    path, text = run.with_suffix(".json"), command_text(recipe, seed)
    if not path.is_file():
        return None
    result = json.loads(path.read_text())
    if result["command"] != text:
        raise UsageError(f"{path} is of `{result['command']}`, and now it is `{text}`: choose another --out")
    return result


def command_text(recipe: Recipe, seed: int) -> str:
    """Returns the command of a seed with placeholders for its folders."""
    return shlex.join(command(recipe, "DIR", seed, Path("RUN")))


def finish(recipe: Recipe, seed: int, run: Path, seconds: float) -> dict[str, Any]:
    """Evaluates a trained seed, writes the result beside its folder, and returns it."""
    last, best = evaluate(recipe, run)
    result = {
        "command": command_text(recipe, seed),
        "seed": seed,
        "training_seconds": round(seconds),
        "last": last,
        "best": best,
    }
    temporary = run.with_suffix(".part")
    temporary.write_text(json.dumps(result) + "\n")
    temporary.replace(run.with_suffix(".json"))
    return result


def split_cores(processes: int) -> list[set[int]]:
    """Splits the cores among processes; empty sets where the system cannot bind a process to cores."""
    if processes == 1 or not hasattr(os, "sched_setaffinity"):
        return [set()] * processes
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[index::processes]) or {cores[index % len(cores)]} for index in range(processes)]


def bind_to_cores(remaining: Iterator[set[int]]) -> None:
    """Binds the calling thread, and the processes it starts, to the next set of cores."""
    if cores := next(remaining):
        os.sched_setaffinity(0, cores)


def study(
    recipes: dict[str, Recipe],
    source: str,
    seeds: Sequence[int],
    out: Path,
    say: Callable[[str], None],
    processes: int = 1,
) -> dict[str, dict[str, Any]]:
    """Returns the scores of the best and the last checkpoint of every seed, and the command, by name of recipe.

    Args:
      recipes: by name.
      source: see `command`.
      seeds: of the runs of each recipe.
      out: folder for the runs. A seed with a result there is not trained again.
      say: prints a line for each seed.
      processes: trainings at the same time, each on its own cores.
    Raises:
      UsageError: if a training fails, or a folder holds the result of another command.
    """
    runs = {(name, seed): (out / name / f"seed-{seed}").absolute() for name in recipes for seed in seeds}
    results = {key: read_result(recipes[key[0]], source, key[1], run) for key, run in runs.items()}
    with ThreadPoolExecutor(processes, initializer=bind_to_cores, initargs=(iter(split_cores(processes)),)) as pool:
        trainings = {
            key: pool.submit(train, command(recipes[key[0]], source, key[1], run), run.with_suffix(".seconds"))
            for key, run in runs.items()
            if results[key] is None
        }
        try:
            for (name, seed), run in runs.items():
                result = results[name, seed]
                if result is None:
                    result = finish(recipes[name], seed, run, trainings[name, seed].result())
                    results[name, seed] = result
                scores = result["last"]["scores"]
                say(f"{name}, seed {seed}: " + ", ".join(f"{key} {scores[key]:.4g}" for key in recipes[name].scores))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {
        name: {
            "command": f"python {command_text(recipe, 0)}",
            "scores": recipe.scores,
            "results": [results[name, seed] for seed in seeds],
        }
        for name, recipe in recipes.items()
    }


def spread(values: Sequence[float]) -> str:
    """Returns mean ± standard deviation over seeds, in four digits; the value alone where there is one."""
    mean = f"{statistics.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"


def row(name: str, results: Sequence[dict[str, Any]], score: str, *, chosen: bool) -> str:
    """Returns a table's line: a recipe's score at the end and at its best checkpoint, and that of real images.

    Args:
      name: of the recipe.
      results: of its seeds.
      score: its name.
      chosen: whether the best checkpoint is the best by this score; only then has their ratio a meaning.
    """
    last, best = ([result[which]["scores"][score] for result in results] for which in ("last", "best"))
    ratio = f"{max(end / top for end, top in zip(last, best, strict=True)):.3g}" if chosen else ""
    floor = f"{results[0]['last']['floor'][score]:.4g}"
    seconds = f"{statistics.mean(result['training_seconds'] for result in results):.0f} s"
    return f"| {' | '.join([name, score, spread(last), spread(best), ratio, floor, str(len(results)), seconds])} |"


HEADER = (
    "| recipe | score | final | best checkpoint | worst final ÷ best | floor | seeds | training |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table(studies: dict[str, dict[str, Any]]) -> str:
    """Returns a Markdown table of studies by name of their recipe."""
    lines = [
        row(name, study["results"], score, chosen=index == 0)
        for name, study in studies.items()
        for index, score in enumerate(study["scores"])
    ]
    commands = [f"- {name}: `{study['command']}`" for name, study in studies.items()]
    return "\n".join([HEADER, *lines, "", *commands])
