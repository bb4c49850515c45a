from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

import jaxgen
from jaxgen.config import Config, GanConfig
from jaxgen.config.base import check
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.fields import (
    CHANGEABLE,
    MAX_INT,
    PER_PROCESS,
    Decay,
    PositiveInt,
    Probability,
    Range,
    Widths,
    changeable,
    field_annotations,
    ranges,
    require_in_range,
    require_local,
    require_local_path,
)
from jaxgen.runs import command_line
from jaxgen.sweeps.options import Options


@dataclass(frozen=True)
class Inner:
    rate: Decay = 0.5
    folder: Annotated[str, PER_PROCESS] = ""


@dataclass(frozen=True)
class Base:
    width: PositiveInt = 4
    steps: Annotated[PositiveInt, CHANGEABLE] = 4
    inner: Inner = Inner()


@dataclass(frozen=True)
class Derived(Base):
    width: int = 8
    probability: Probability = 0.0


def test_what_is_declared_is_found_with_nested_fields_and_stays_where_a_subclass_changes_the_default():
    assert set(field_annotations(Derived)) == {"width", "steps", "inner.rate", "inner.folder", "probability"}
    assert {name: str(allowed) for name, allowed in ranges(Derived).items()} == {
        "width": "at least 1",
        "steps": "at least 1",
        "inner.rate": "at least 0 and less than 1",
        "probability": "at least 0 and at most 1",
    }
    assert changeable(Derived) == {"steps", "inner.folder"}
    assert changeable(Derived, per_process=True) == {"inner.folder"}


@pytest.mark.parametrize(
    ("value", "inside"), [(0.0, True), (1.0, True), (1.1, False), (-0.1, False), (float("nan"), False)]
)
def test_a_range_holds_its_ends_and_no_nan(value, inside):
    assert (value in ranges(Derived)["probability"]) == inside


def test_whole_numbers_fit_in_int32_and_an_error_names_that_limit():
    require_in_range(Base(width=MAX_INT))
    for width in (MAX_INT + 1, 10**400):
        with pytest.raises(UsageError, match=rf"width is {width}: give at most {MAX_INT}"):
            require_in_range(Base(width=width))


def test_a_field_of_several_values_has_at_least_one_and_each_is_in_the_range():
    @dataclass(frozen=True)
    class Network:
        widths: Widths = (8, 16)

    require_in_range(Network())
    with pytest.raises(UsageError, match="widths has 0 values: give 1 or more values"):
        require_in_range(Network(widths=()))
    with pytest.raises(UsageError, match="widths is 0: give at least 1"):
        require_in_range(Network(widths=(8, 0)))


def test_an_option_of_an_experiment_is_checked_where_it_is_declared():
    @dataclass(frozen=True)
    class Experiment(GanConfig):
        layers: PositiveInt = 2
        critic_steps: int = 5

    check(Experiment())
    for name in ("layers", "critic_steps", "latent"):
        with pytest.raises(UsageError, match=f"{name} is 0: give at least 1"):
            check(Experiment(**{name: 0}))
    with pytest.raises(UsageError, match="minibatch_kernels is -1: give at least 0"):
        check(Experiment(minibatch_kernels=-1))


def test_the_help_of_an_option_states_its_range(capsys):
    @dataclass(frozen=True)
    class Hyper:
        weight: float = 2.0
        b1: Decay = 0.5
        b1_final: float = 0.9

    @dataclass(frozen=True)
    class Experiment(Derived):
        margin: Annotated[float | None, Range(above=0, maximum=3)] = None
        sides: tuple[PositiveInt, PositiveInt] = (5, 6)
        hyper: Hyper = Hyper()

    with pytest.raises(SystemExit):
        command_line.parse(Experiment, ["--help"], "", "script.py")
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in (
        "--width INT (default: 8; at least 1)",
        "--inner.rate FLOAT (default: 0.5; at least 0 and less than 1)",
        "--margin FLOAT (more than 0 and at most 3)",
        "--sides INT INT (default: 5 6; at least 1)",
        "--hyper.weight FLOAT (default: 2.0; at least 0)",
        "--hyper.b1-final FLOAT (default: 0.9; at least 0 and less than 1)",
    ):
        assert part in text
    assert not any(f"default: {empty}" in text for empty in ("None", "''", "("))
    for fields in ({"margin": 0.0}, {"margin": 3.1}, {"sides": (1, 0)}, {"hyper": Hyper(b1_final=1.0)}):
        with pytest.raises(UsageError, match=r"(margin|sides|hyper\.b1_final) is "):
            require_in_range(Experiment(**fields))
    require_in_range(Experiment())


def test_fields_that_a_resumed_run_may_change_are_options():
    names = changeable(Config)
    assert set(command_line.option_names(Config)) >= names >= changeable(Config, per_process=True) >= {"data.dir"}
    assert {"steps", "keep_checkpoints", "data.memory"} <= names
    assert not names & {"seed", "batch_size", "dtype", "hyper.learning_rate", "data.name"}


@pytest.mark.parametrize("path", ["gs://bucket/run", Path("gs://bucket/run"), "memory:/run", Path("s3://key@bucket")])
def test_the_address_of_a_remote_folder_is_no_path(path):
    scheme = str(path).partition(":")[0]
    message = rf"is a {scheme}:// address: give a folder or file of a local or a mounted disk"
    for refuse in (
        lambda: check(Config(run=str(path))),
        lambda: jaxgen.open_run(path),
        lambda: jaxgen.load(path),
        lambda: require_local_path(path, "out"),
    ):
        with pytest.raises(UsageError, match=message):
            refuse()


def test_local_paths_and_addresses_of_databases_and_data_are_taken():
    require_local(Options(storage="postgresql://user@host/database", dir=Path("sweeps/a:b")))
    require_local(Config(run="/data/gs:/run", data=DataConfig(dir="gs://bucket/tfds")))
