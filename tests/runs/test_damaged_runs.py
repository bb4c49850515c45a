"""Damaged and hostile content of a run folder: one line that names the file, the field and the value."""

import json
import math
import shutil

import pytest

from jaxgen.commands.main import main
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs import summary
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.config_file import versions
from jaxgen.runs.disk.records import seal
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.runs.reopen import build, restore
from tests.runs.test_trust import LINES

GOOD = versions() | {"image_shape": [28, 28, 1], "experiment": {"name": "gan_mlp"}, "config": {"latent": 8}}


def nested(depth):
    return "[" * depth + "]" * depth


TEXTS = {
    "": "is damaged",
    '{"config": {"latent"': "is damaged",
    "null": "has no configuration",
    "[1, 2]": "has no configuration",
    "\udcff\udcfe": "is damaged",
    nested(100_000): "nested too deeply",
    '{"config": ' + '{"a":' * 990 + "1" + "}" * 991: "is damaged",
    "9" * 100_000: "is damaged",
}
"""Whole files that are no configuration, with a part of the error."""
FIELDS = [
    ({"config": 3}, "config is 3"),
    ({"config": None}, "config is None"),
    ({"config": []}, "config is []"),
    ({"format": "1"}, "format is '1'"),
    ({"format": -(10**9)}, "format is -1000000000"),
    ({"format": 99}, "format 99"),
    ({"format": math.nan}, "format is nan"),
    ({"experiment": "gan_mlp"}, "experiment is 'gan_mlp'"),
    ({"experiment": {"name": ["gan_mlp"]}}, "experiment.name is ['gan_mlp']"),
    ({"experiment": {"name": "gan_mlp", "sha256": 3}}, "experiment.sha256 is 3"),
    ({"image_shape": "28"}, "image_shape is '28'"),
    ({"image_shape": [28, 28]}, "image_shape is [28, 28]"),
    ({"image_shape": [28, 28, 0]}, "image_shape has 0"),
    ({"image_shape": [28, 28, -1]}, "image_shape has -1"),
    ({"image_shape": [28, 28, 1.5]}, "image_shape is 1.5"),
    ({"image_shape": [28, 28, math.nan]}, "image_shape is nan"),
    ({"image_shape": [10**30, 28, 1]}, f"image_shape has {10**30}"),
    ({"images": "many"}, "images is 'many'"),
    ({"data_order": {}}, "data_order is {}"),
    ({"former_defaults": 3}, "former_defaults is 3"),
    ({"class_names": [1]}, "class_names is 1"),
    ({"data_changes": {}}, "data_changes is {}"),
    ({"data_paths": []}, "data_paths is []"),
]
"""Fields of config.json, with what the error names."""
OPTIONS = [
    ({"latent": "8"}, "latent is '8'"),
    ({"latent": None}, "latent is None"),
    ({"latent": True}, "latent is True"),
    ({"latent": 8.5}, "latent is 8.5"),
    ({"latent": -8}, "latent is -8"),
    ({"latent": 10**400}, "latent is 1000"),
    ({"latent": {}}, "latent is {}"),
    ({"latent": [[[[[8]]]]]}, "latent is [[[[...]]]]"),
    ({"variant": "odd"}, "'odd'"),
    ({"variant": 3}, "unknown variant '3'"),
    ({"variant": {"a": 1}}, "unknown variant"),
    ({"penalties": "r1"}, "penalties is 'r1'"),
    ({"penalties": ["nosuch"]}, "nosuch"),
    ({"init_players": [1]}, "init_players is 1"),
    ({"data": 3}, "data is 3"),
    ({"data": {"size": "x"}}, "data.size is 'x'"),
    ({"data": {"size": math.inf}}, "data.size is inf"),
    ({"hyper": []}, "hyper is []"),
    ({"hyper": {"learning_rate": "fast"}}, "hyper.learning_rate is 'fast'"),
    ({"hyper": {"learning_rate": math.nan}}, "hyper.learning_rate is nan"),
    ({"hyper": {"learning_rate": 10**400}}, "hyper.learning_rate is 1000"),
    ({"hyper": {"b1": -math.inf}}, "hyper.b1 is -inf"),
    ({"nosuch": 1}, "'nosuch'"),
    ({"batch_size": 6, "packing": 1, "norm": "nosuch"}, "unknown norm 'nosuch'"),
    ({"x" * 10_000: 1}, "unknown configuration field"),
]
"""Options in config.json, with what the error names."""


@pytest.fixture(scope="module")
def run(tmp_path_factory, experiments):
    """A run of an installed experiment without a checkpoint."""
    path = tmp_path_factory.mktemp("run") / "RUN"
    path.mkdir()
    (path / "experiment.py").write_bytes((experiments / "gan_mlp.py").read_bytes())
    return path


def write(run, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (run / "config.json").write_bytes(text.encode(errors="surrogateescape"))


def one_line(text):
    assert "\n" not in text and len(text) < 1000, text
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_a_file_that_is_no_configuration_is_named(run, text):
    write(run, text)
    for use in (build, summary.describe):
        with pytest.raises(UsageError) as error:
            use(run)
        assert str(run / "config.json") in one_line(str(error.value)) and TEXTS[text] in str(error.value)


@pytest.mark.parametrize(("fields", "named"), FIELDS)
def test_a_field_of_the_wrong_type_is_named(run, fields, named):
    write(run, GOOD | fields)
    for use in (build, summary.describe):
        with pytest.raises(UsageError) as error:
            use(run)
        assert f"{run / 'config.json'}" in one_line(str(error.value)) and named in str(error.value)


@pytest.mark.parametrize("missing", ["config", "experiment", "image_shape"])
def test_a_missing_field_is_named(run, missing):
    write(run, {name: value for name, value in GOOD.items() if name != missing})
    with pytest.raises(UsageError, match=rf"config\.json is damaged \(it has no {missing[:6]}"):
        build(run)


@pytest.mark.parametrize(("options", "named"), OPTIONS)
def test_an_option_of_the_wrong_type_or_out_of_range_is_named(run, options, named):
    write(run, GOOD | {"config": options})
    with pytest.raises(UsageError) as error:
        build(run)
    assert str(run / "config.json") in one_line(str(error.value)) and named in str(error.value)


def test_info_prints_no_control_characters(run, capsys):
    odd = {"hyper": {"b1": math.nan}, "data": 3, "\x1b[2J": "\x1b]0;title\x07", "\ud800": [["\r", {"a": "\x9b"}]]}
    write(run, GOOD | {"experiment": {"name": "\x1b[31m"}, "config": odd})
    record = run / "checkpoints" / "5" / "record" / "metadata"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(seal(RECORD | {"metrics": {"\x1b[31mloss": 1}})))
    try:
        for option in ([], ["--json"]):
            with pytest.raises(SystemExit) as stop:
                main(["info", str(run), *option])
            said = capsys.readouterr().out
            assert stop.value.code == 0
            assert said.isascii() or option == []
            assert "\\x1b[31m" in said or "\\u001b[31m" in said
            assert all(char.isprintable() or char == "\n" for char in said)
    finally:
        shutil.rmtree(run / "checkpoints")


def test_options_that_no_network_has_are_one_line(run, monkeypatch):
    write(run, GOOD)
    module = type(build(run).config).__module__
    monkeypatch.setattr(f"{module}.build", lambda config, axis_name: [][config.latent])
    with pytest.raises(UsageError, match=r"config\.json is damaged \(no network has these options: IndexError"):
        build(run)


@pytest.mark.parametrize("line", [*LINES, "info RUN", "train gan_mlp --run RUN --variant plain"])
def test_every_command_names_the_damage(run, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(run.parent)
    write(run, GOOD | {"image_shape": [28, 28, "1"]})
    images.write("image.png", [[0.5] * 28] * 28)
    images.write("mask.png", [[0.0] * 27 + [1.0]] * 28)
    if "--run RUN" in line:
        (run / "checkpoints" / "5").mkdir(parents=True, exist_ok=True)
    codes = "decode" in line
    with pytest.raises(SystemExit) as stop:
        main(line.replace("codes.npz", "RUN/codes.npz").split())
    said = capsys.readouterr().err.splitlines()
    assert (stop.value.code, len(said)) == (2, 1), said
    assert codes or "RUN/config.json is damaged (image_shape is '1': give int)" in said[0]


RECORD = {
    "step": 5,
    "config": {},
    "metrics": {"loss": 1.0},
    "selection": {"metric": "loss", "direction": "minimize"},
    "parameters": {"model": 3},
    "digest": "0",
    "leaves": {"step": {"dtype": "int32", "shape": [], "sha256": "0"}},
}


@pytest.mark.parametrize(
    "fields",
    [
        {"step": "../../elsewhere"},
        {"step": 4},
        {"step": True},
        {"step": None},
        {"metrics": []},
        {"metrics": {"loss": "low"}},
        {"metrics": {"loss": None}},
        {"selection": 3},
        {"selection": {"metric": "loss"}},
        {"selection": {"metric": [], "direction": "minimize"}},
        {"selection": {"metric": "loss", "direction": "minimize", "more": 1}},
        {"parameters": {"model": "3"}},
        {"leaves": []},
        {"leaves": {"step": None}},
        {"leaves": {"step": {"dtype": "int32"}}},
        {"config": "none"},
        {"digest": 3},
    ],
)
def test_a_record_with_a_valid_digest_and_odd_content_is_damaged(tmp_path, fields):
    path = tmp_path / "5" / "record" / "metadata"
    path.parent.mkdir(parents=True)
    said = []
    path.write_text(json.dumps(seal(RECORD)))
    assert Checkpoints(tmp_path, say=said.append).record() == RECORD
    path.write_text(json.dumps(seal(RECORD | fields)))
    assert Checkpoints(tmp_path, say=said.append).record() is None
    assert len(said) == 1 and "checkpoint 5" in said[0]


@pytest.mark.parametrize("text", ["", "3", "{}", "[]", '{"record": 1}', nested(100_000), '{"sha256": 1, "record": {}}'])
def test_a_record_that_is_none_is_damaged(tmp_path, text):
    path = tmp_path / "5" / "record" / "metadata"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    said = []
    assert Checkpoints(tmp_path, say=said.append).record() is None
    assert len(said) == 1 and "\n" not in said[0]


def test_a_checkpoint_without_arrays_is_named(run):
    write(run, GOOD)
    built = build(run)
    with pytest.raises(UsageError, match="checkpoint"):
        restore(built, "last", say=[].append)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[]", "attribute"),
        ('{"step": "x"}', "step is no number"),
        ('{"step": 1, "loss": {}}', "loss is no number"),
        ('{"step": Infinity}', "infinity"),
        ('{"step": ' + nested(100_000) + "}", "nested too deeply"),
    ],
)
def test_a_line_of_metrics_is_named(tmp_path, line, reason):
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1, "loss": "nan"}}\n{line}\n{{"step": 3}}\n')
    with pytest.raises(UsageError, match=rf"line 2 of .*metrics\.jsonl cannot be read \(.*{reason}"):
        RunFolder(tmp_path).history()
