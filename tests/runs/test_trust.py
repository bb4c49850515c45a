"""A run folder from somebody else: no command executes what is in it or beside it, and none writes outside of it."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import jaxgen
from jaxgen.commands.main import main
from jaxgen.config import Config
from jaxgen.errors import UsageError
from jaxgen.io import curves, images
from jaxgen.runs import scoring
from jaxgen.runs.codes import ARRAYS, read_codes
from jaxgen.runs.disk.config_file import versions
from jaxgen.runs.disk.run_folder import FOLDERS, RunFolder
from jaxgen.runs.preflight import check_folder
from jaxgen.runs.reopen import OpenOptions, build
from jaxgen.sweeps import processes

SHADOWED = ("jax", "numpy", "jaxgen", "PIL", "optax", "orbax", "json", "sitecustomize", "usercustomize")
LINES = (
    "sample RUN --out new",
    "evaluate RUN",
    "evaluate RUN --likelihood 10",
    "evaluate RUN --images folder",
    "export RUN --out new.stablehlo",
    "restore image.png --network RUN --out new",
    "explain RUN --out new.png",
    "predict RUN image.png",
    "fill RUN image.png --mask mask.png --out new.png",
    "encode RUN image.png --out new.npz",
    "decode RUN codes.npz --out new",
    "train gan_mlp --init-from RUN --run new",
    "train gan_mlp --data.from-run RUN --run new",
    "sweep gan_mlp --search hyper.b1=uniform:0:0.5 --steps 1 --init-from RUN --dir new",
)
"""Every command that opens a run; RUN is a folder in the working directory."""


@pytest.fixture
def mark(tmp_path):
    """A file that the attacker's code writes."""
    return tmp_path / "executed"


@pytest.fixture
def attack(mark):
    """The source of a script that writes it."""
    return f"open({str(mark)!r}, 'w').close()\n"


def make_run(path, source, **content):
    path.mkdir(parents=True)
    described = versions() | {"image_shape": [28, 28, 1], "experiment": {"name": "gan_mlp"}, "config": {}} | content
    (path / "config.json").write_text(json.dumps(described))
    if source is not None:
        (path / "experiment.py").write_text(source)
    return path


@pytest.fixture
def foreign(tmp_path, attack, monkeypatch):
    """A run whose script is the attacker's, in the working directory, with the files that commands take."""
    monkeypatch.chdir(tmp_path)
    images.write("image.png", np.full((28, 28), 0.5))
    images.write("mask.png", np.eye(28))
    (tmp_path / "folder").mkdir()
    images.write("folder/image.png", np.full((28, 28), 0.5))
    np.savez("codes.npz", names=["a"], numbers=np.zeros((1, 2), np.int16), step=0.25, run_step=1, digest="0")
    return make_run(tmp_path / "RUN", attack)


@pytest.mark.parametrize("line", LINES)
def test_no_command_executes_a_script_that_is_not_trusted(foreign, mark, line, capsys):
    before = sorted(os.listdir())
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    said = capsys.readouterr().err.splitlines()
    assert (stop.value.code, len(said)) == (2, 1), said
    assert "RUN/experiment.py (sha256" in said[0] and "--trust" in said[0]
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("function", [jaxgen.open_run, jaxgen.load])
def test_no_function_executes_it_either(foreign, mark, function):
    with pytest.raises(UsageError, match="give --trust"):
        function(foreign)
    assert not mark.exists()


def test_what_describes_a_run_executes_nothing(foreign, mark, capsys):
    with pytest.raises(SystemExit):
        main(["info", "RUN"])
    assert "has no checkpoint yet" in capsys.readouterr().err
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../elsewhere", "/proc/self/cwd/elsewhere", "elsewhere", "jaxgen.elsewhere", "os"])
@pytest.mark.parametrize("format", [0, 1])
def test_no_name_or_path_in_config_json_leads_to_a_script(tmp_path, attack, mark, monkeypatch, name, format):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere.py").write_text(attack)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "elsewhere.py").write_text(attack)
    keys = ("name", "path", "script", "file", "module")
    run = make_run(tmp_path / "run", None, experiment=dict.fromkeys(keys, name), format=format, script=name)
    with pytest.raises(UsageError, match=r"experiment\.py is missing"):
        build(run, OpenOptions(trust=True))
    assert not mark.exists()


def test_the_digest_decides_and_no_name(tmp_path, attack, mark, experiments):
    run = make_run(tmp_path / "run", attack, experiment={"name": "gan_mlp", "sha256": "da" * 32})
    with pytest.raises(UsageError, match="give --trust"):
        build(run)
    (run / "experiment.py").write_bytes((experiments / "gan_mlp.py").read_bytes())
    config = json.loads((run / "config.json").read_text()) | {"experiment": {"name": "vae"}}
    (run / "config.json").write_text(json.dumps(config))
    assert type(build(run).config).__module__ == "jaxgen.experiments.gan_mlp"
    assert not mark.exists()


def test_a_script_that_is_a_link_out_of_the_run_is_not_executed(tmp_path, attack, mark, experiments):
    (tmp_path / "elsewhere.py").write_text(attack)
    run = make_run(tmp_path / "run", None)
    for target in ("../elsewhere.py", tmp_path / "elsewhere.py", "/proc/self/cwd/../elsewhere.py"):
        (run / "experiment.py").symlink_to(target)
        with pytest.raises(UsageError):
            build(run, OpenOptions(trust=True))
        (run / "experiment.py").unlink()
    (run / "experiment.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match="outside of the run: put the script itself there"):
        build(run, OpenOptions(trust=True))
    (run / "experiment.py").unlink()
    (run / "experiment.py").symlink_to(experiments / "gan_mlp.py")
    assert build(run).config.latent == 100
    assert not mark.exists()


def test_a_run_that_is_a_link_opens_by_the_same_rule(foreign, mark, tmp_path):
    (tmp_path / "link").symlink_to(foreign)
    with pytest.raises(UsageError, match="give --trust"):
        build(tmp_path / "link")
    assert not mark.exists()
    with pytest.raises(UsageError, match="is no experiment"):
        build(tmp_path / "link", OpenOptions(trust=True))
    assert mark.exists()


@pytest.mark.parametrize("kind", ["pipe", "endless", "folder", "large"])
def test_a_script_that_is_no_file_is_neither_waited_for_nor_read(tmp_path, kind):
    run = make_run(tmp_path / "run", None)
    script = run / "experiment.py"
    if kind == "pipe":
        os.mkfifo(script)
    elif kind == "endless":
        script.symlink_to("/dev/zero")
    elif kind == "folder":
        script.mkdir()
    else:
        with script.open("wb") as file:
            file.truncate(2**40)
    with pytest.raises(UsageError, match=r"experiment\.py"):
        build(run, OpenOptions(trust=True))


def test_modules_beside_the_script_and_in_the_working_directory_are_not_imported(foreign, mark, attack):
    """In a new process, since what it imports is in question."""
    script = "import jax, numpy, jaxgen\nfor module in (jax, numpy, jaxgen): print(module.__file__)\nraise SystemExit\n"
    (foreign / "experiment.py").write_text(script)
    for name in SHADOWED:
        (foreign / f"{name}.py").write_text(attack)
    program = Path(sys.executable).with_name("jaxgen")
    if not program.exists():
        pytest.skip("the command jaxgen is not beside this Python")
    command = [program, "sample", ".", "--trust", "--out", "new"]
    done = subprocess.run(command, cwd=foreign, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 3 and str(foreign.parent) not in done.stdout
    # The options by which a sweep starts its trials.
    command = [*processes.CHILD[:-2], "-c", "import sys; print(sys.path)"]
    done = subprocess.run(command, cwd=foreign, capture_output=True, text=True, check=True)
    assert "''" not in done.stdout and str(foreign) not in done.stdout
    assert not mark.exists()


def test_a_script_of_the_working_directory_that_hides_an_installed_one_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "gan_mlp.py").write_text("Config = build = None\n")
    from jaxgen.runs.scripts import load_script

    load_script("gan_mlp")
    assert "experiments/gan_mlp.py is executed, in place of the installed experiment" in capsys.readouterr().err
    (tmp_path / "experiments" / "mine.py").write_text("Config = build = None\n")
    load_script("mine")
    load_script("experiments/gan_mlp.py")
    assert capsys.readouterr().err == ""


class Payload:
    """What executes code where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"numbers": np.zeros((1, 2), np.float32)}, "numbers float32"),
        ({"numbers": np.zeros(2, np.int16)}, "numbers int16"),
        ({"names": ["a", "b"]}, "2 names"),
        ({"step": np.nan}, "step nan"),
        ({"step": -1.0}, "step -1"),
        ({"step": [1.0, 2.0]}, "TypeError"),
        ({"run_step": "x"}, "ValueError"),
    ],
)
def test_odd_codes_are_one_line(tmp_path, fields, reason):
    good = {"names": ["a"], "numbers": np.zeros((1, 2), np.int16), "step": 0.25, "run_step": 1, "digest": "0"}
    np.savez(tmp_path / "codes.npz", **good | fields)
    with pytest.raises(UsageError, match=rf"no file of codes as .*{reason}") as error:
        read_codes(tmp_path / "codes.npz")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_codes_that_claim_terabytes_take_no_memory(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "codes.npz", "w", compression) as archive:
        for name in ARRAYS:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "<i2", "fortran_order": False, "shape": (2**40,)}
                np.lib.format.write_array_header_1_0(file, header)
                file.write(bytes(2**20))
    with pytest.raises(UsageError, match=r"no file of codes .*damaged: 2199023255552 bytes by its shape"):
        read_codes(tmp_path / "codes.npz")


def test_no_archive_of_codes_is_unpickled(tmp_path, mark):
    pickled = np.array([Payload(mark)], object)
    for field in ("names", "numbers", "step", "run_step", "digest"):
        good = {"names": ["a"], "numbers": np.zeros((1, 2), np.int16), "step": 0.25, "run_step": 1, "digest": "0"}
        np.savez(tmp_path / "codes.npz", **good | {field: pickled})
        with pytest.raises(UsageError, match="no file of codes"):
            read_codes(tmp_path / "codes.npz")
    (tmp_path / "codes.npz").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(UsageError, match="no file of codes"):
        read_codes(tmp_path / "codes.npz")
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", [".lock", "metrics.jsonl", "evaluations.jsonl", "curves.png", "config.json", "experiment.py"]
)
def test_a_link_in_a_run_folder_does_not_lead_to_writing_elsewhere(tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("{}")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(victim)
    config = {"image_shape": [8, 8, 1], "experiment": {"name": "toy"}, "config": {}}
    messages = []
    try:
        with RunFolder.open(tmp_path / "run", config, script=b"#", tensorboard=False, say=messages.append) as folder:
            folder.log(1, {"loss": 1.0})
        curves.draw(folder.history(), folder.path / "curves.png")
        scoring.append(folder.path / scoring.FILE, {"scores": {}}, messages.append)
    except UsageError as error:
        assert str(tmp_path / "run") in str(error)
    assert victim.read_text() == "{}"
    assert victim.stat().st_size == 2


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("check", [check_folder, lambda config, run: RunFolder.open(run, {})])
def test_no_training_removes_files_of_a_folder_that_is_a_link(tmp_path, name, check):
    """A run prunes its checkpoints, and removes what killed processes have left."""
    (tmp_path / "other" / name).mkdir(parents=True)
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "other" / name)
    with pytest.raises(UsageError, match=rf"^{link} is a symbolic link to {tmp_path}/other/{name}, .*: put the folder"):
        check(Config(), tmp_path / "run")
    assert os.listdir(link.parent) == [link.name]


@pytest.mark.parametrize("name", ["output.txt", "trials", ".lock"])
def test_a_link_in_the_folder_of_a_trial_does_not_either(tmp_path, name):
    from jaxgen.io.text import open_no_link

    victim = tmp_path / "victim"
    victim.write_text("{}")
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link: remove it"):
        open_no_link(tmp_path / name, "wb")
    assert victim.read_text() == "{}"
