import dataclasses
import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from benchmarks import coordinator, machine, systems, table  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402

TINY = {
    "vae": dataclasses.replace(CASES["vae"], batch=4, size=8, width=4, latent=3, hidden=16),
    "dncnn": dataclasses.replace(CASES["dncnn"], batch=2, size=10, width=4, depth=3),
}


@pytest.fixture(scope="module")
def bench():
    loader = SourceFileLoader("bench", str(SCRIPTS / "bench"))
    module = module_from_spec(spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def without_torch(tmp_path):
    """An interpreter that has the standard library alone."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_the_table_of_a_small_case(bench, tmp_path, capfd, without_torch, monkeypatch):
    monkeypatch.setattr(systems, "WAITS", {"spinning threads": {}})
    monkeypatch.setattr(systems, "either_memory", lambda row: row)
    monkeypatch.setattr(coordinator, "TURN_SECONDS", 0.05)
    figures = tmp_path / "figures.json"
    try:
        import torch  # noqa: F401

        python = sys.executable
    except ModuleNotFoundError:
        python = without_torch
    arguments = ["--cases", "dncnn", "--rounds", "2", "--threads", "1", "--json", str(figures)]
    assert bench.main([*arguments, "--torch-python", python], TINY) == 0
    written = json.loads(figures.read_text())
    assert {"jax", "flax", "optax"} <= set(written["machine"]["versions"])
    assert written["machine"]["threads"] == 1
    records = {record["system"]: record for record in written["records"]}
    assert list(records) == ["jaxgen", "stock Flax", "PyTorch"]
    measured = [record for record in records.values() if not record["failed"]]
    assert len({record["parameters"] for record in measured}) == 1
    for record in measured:
        assert len(record["rounds_milliseconds"]) == 2
        assert record["images_per_second"] == pytest.approx(2e3 / record["milliseconds_per_step"])
        assert 0 <= record["compile_seconds"] < record["first_step_seconds"]
        assert record["peak_memory_mib"] > 10
    printed = capfd.readouterr().out
    assert all(
        name in printed for name in ("jaxgen", "stock Flax", "PyTorch", "ms/step", "images/s", "images 2×10×10×1")
    )
    if python == sys.executable:
        ratio = records["PyTorch"]["ratio"]
        assert ratio == {"median": 1, "lower_quartile": 1, "upper_quartile": 1}
        assert records["jaxgen"]["ratio"]["median"] > 0
        assert "spinning threads" in records["PyTorch"]["setting"]


def test_populations_are_compared_with_one_training(bench, capfd, monkeypatch):
    information = {"peak_memory_mib": 1, "compile_seconds": 1, "first_step_seconds": 1, "parameters": 1}
    information |= {"device": "cpu", "versions": {}}

    def measure(name, case, rows, rounds, **options):
        return [coordinator.Result(name, 4, row[0].name, "", [2.0 + i], information) for i, row in enumerate(rows)]

    monkeypatch.setattr(coordinator, "measure", measure)
    assert bench.main(["--populations"]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("| vae ")]
    together = [f"jaxgen, population of {systems.MEMBERS}, {how}" for how in systems.EXECUTIONS]
    assert [line.split("|")[2].strip() for line in lines[:4]] == ["jaxgen", *together]
    assert "| 1.50 [1.50–1.50]" in lines[1]
    assert bench.main(["--cases", "vae", "--populations", "map"]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("| vae ")]
    name = f"jaxgen, population of {systems.MEMBERS}, map"
    chosen = ["jaxgen", name, f"{name}, {systems.MEMBER_STEPS} steps a dispatch"]
    assert [line.split("|")[2].strip() for line in lines] == chosen


def test_missing_torch_is_a_row_that_says_so(without_torch):
    rows = [systems.torch_row("PyTorch", "cpu", 1)]
    options = {"platform": "cpu", "threads": 1, "torch_python": without_torch, "say": lambda line: None}
    (result,) = coordinator.measure("vae", TINY["vae"], rows, 2, **options)
    assert "No module named 'torch'" in result.failed
    (record,) = table.summarise([result], systems.REFERENCE)
    assert "not measured: ModuleNotFoundError: No module named 'torch'" in table.render([record], systems.REFERENCE)
    assert "nothing measured" in machine.as_text(machine.describe([result], 1, machine.OtherProcesses()))


def test_a_worker_that_dies_is_a_row_that_says_so(tmp_path):
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    options = {"platform": "cpu", "threads": 1, "torch_python": str(path), "say": lambda line: None}
    (result,) = coordinator.measure("vae", TINY["vae"], [systems.torch_row("PyTorch", "cpu", 1)], 2, **options)
    assert result.failed == "its process ended with status 3"


def test_turns_alternate_and_their_order_is_reversed():
    turns = []
    workers = [SimpleNamespace(turn=lambda name=name: turns.append(name)) for name in "ab"]
    coordinator.alternate(workers, 3)
    assert "".join(turns) == "abbaab"


def test_ratio_is_the_median_of_the_rounds():
    ratio = table.ratio([2.0, 9.0, 4.0, 30.0, 8.0], [1.0, 3.0, 4.0, 5.0, 4.0])
    assert ratio == {"median": 2.0, "lower_quartile": 2.0, "upper_quartile": 3.0}
    assert table.ratio([2.0], []) is None


def test_different_networks_are_refused():
    workers = [
        SimpleNamespace(system=SimpleNamespace(name=name), information={"parameters": count})
        for name, count in (("jaxgen", 10), ("PyTorch", 11))
    ]
    with pytest.raises(RuntimeError, match="jaxgen 10, PyTorch 11"):
        coordinator.require_same_parameters("vae", workers)


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--cases", "stylegan"], "invalid choice: 'stylegan'"),
        (["--cases", "restore", "--populations"], "the case restore trains nothing; choose from gan_mlp, dcgan"),
        (["--rounds", "0"], "invalid positive value: '0'"),
        (["--threads", "100000"], "this process may use"),
        (["--torch-python", "/nowhere/python"], "no such program"),
        (["--json", "/nowhere/figures.json"], "no folder /nowhere"),
    ],
)
def test_wrong_arguments_end_with_status_2(bench, capsys, arguments, reason):
    with pytest.raises(SystemExit) as ended:
        bench.main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
