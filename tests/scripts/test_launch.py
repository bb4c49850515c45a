import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "launch"
ECHO = "import json, sys; print(json.dumps(sys.argv[1:]))"
REAL = "from jaxgen.commands.main import main; main()"
ODD = "a b $HOME $(id) $$ `x` 'q' \"r\" \\ @{name} %A"
QUICK = """--data.name digits --data.size 8 --data.channels 1 --data.fit resize --batch-size 2 --evaluate-images 2
  --steps 2 --steps-per-dispatch 2 --log-every 2 --checkpoint-every 2 --evaluate-every 0 --sample-every 0 --depth 2
  --width 4 --no-tensorboard"""


def launch(*words, **options):
    """Returns what scripts/launch did, by a Python that has no packages."""
    command = [sys.executable, "-S", "-E", SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def rendered(*words):
    done = launch(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(folder, code, **variables):
    """Returns an environment whose `jaxgen` runs code in this Python."""
    path = folder / "bin" / "jaxgen"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"\n')
    path.chmod(0o755)
    found = {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return found | variables


def expanded(word, variables):
    """Returns a word of a container's command as Kubernetes hands it on, by its documentation's rules."""
    take = lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0])
    return re.sub(r"\$\$|\$\((\w+)\)", take, word)


def run_slurm(text, folder, code, task=None):
    variables = {} if task is None else {"SLURM_ARRAY_TASK_ID": str(task)}
    env = environment(folder, code, **variables)
    return subprocess.run(["bash"], input=text, cwd=folder, env=env, capture_output=True, text=True, check=True)


def run_container(text, folder, code, index=0):
    job = next(yaml.safe_load_all(text))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    variables = {"JOB_COMPLETION_INDEX": str(index)}
    command = [expanded(word, variables) for word in container["command"]]
    env = environment(folder, code, **variables)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)


def slurm_words(folder, *words, task=None):
    return json.loads(run_slurm(rendered("slurm", *words), folder, ECHO, task).stdout)


def container_words(folder, *words, index=0):
    return json.loads(run_container(rendered("kubernetes", "--image", "i", *words), folder, ECHO, index).stdout)


def test_an_array_has_what_was_asked_for():
    lines = rendered(
        *shlex.split(
            "slurm --name n --partition p --account a --time 1:00:00 --gpus 2 --cpus 4 --memory 32G --tasks 5"
        ),
        *shlex.split("-- train vae --steps 2"),
    ).splitlines()
    expected = {
        "job-name=n",
        "partition=p",
        "account=a",
        "time=1:00:00",
        "gpus-per-node=2",
        "cpus-per-task=4",
        "mem=32G",
    }
    expected |= {"array=0-4", "nodes=1", "ntasks-per-node=1", "output=n-%A-%a.log"}
    assert lines[0] == "#!/bin/bash"
    assert {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")} == expected


def test_a_job_has_what_was_asked_for():
    text = rendered(
        *shlex.split("kubernetes --image r/i:1 --namespace n --volume c:/jaxgen/runs --gpus 2 --cpus 4"),
        *shlex.split("--memory 32Gi --tasks 5 -- train gan_mlp"),
    )
    (job,) = yaml.safe_load_all(text)
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert job["metadata"] == {"name": "gan-mlp", "namespace": "n"}
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 5, 5)
    assert (spec["backoffLimitPerIndex"], pod["restartPolicy"]) == (6, "Never")
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert container["image"] == "r/i:1"
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 2, "cpu": 4, "memory": "32Gi"}
    assert container["volumeMounts"] == [{"name": "volume", "mountPath": "/jaxgen/runs"}]
    assert pod["volumes"] == [{"name": "volume", "persistentVolumeClaim": {"claimName": "c"}}]


@pytest.mark.parametrize("words", [slurm_words, container_words])
def test_arguments_arrive_unchanged(words, tmp_path):
    arguments = ["train", "vae", "--data.dir", ODD, "--data.name=a\nb"]
    assert words(tmp_path, "--", *arguments) == arguments
    assert words(tmp_path, "--tasks", "2", "--", *arguments)[: len(arguments)] == arguments
    assert words(tmp_path, "--tasks", "2", "--", "train", "vae", "--run", ODD)[-1] == f"{ODD}/seed-0"


@pytest.mark.parametrize(("words", "number"), [(slurm_words, "task"), (container_words, "index")])
def test_each_task_of_a_training_has_a_seed_and_a_run(words, number, tmp_path):
    arguments = shlex.split("--tasks 12 -- train experiments/vae.py --seed=010 --steps 2 --run runs/x")
    received = words(tmp_path, *arguments, **{number: 11})
    assert received == shlex.split("train experiments/vae.py --steps 2 --seed 21 --run runs/x/seed-21")
    received = words(tmp_path, *shlex.split("--tasks 2 -- train experiments/vae.py"), **{number: 1})
    assert received == shlex.split("train experiments/vae.py --seed 1 --run runs/vae/seed-1")


SWEEP = shlex.split("sweep vae --search hyper.learning-rate=log:1e-5:1e-3 --trials 4")
URL = "postgresql://me:hunter2@h/n"


@pytest.mark.parametrize("words", [slurm_words, container_words])
@pytest.mark.parametrize("option", [["--storage", URL], [f"--storage={URL}"], []])
def test_the_tasks_of_a_sweep_share_its_study_by_the_environment(words, option, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_STORAGE", URL)
    assert words(tmp_path, "--tasks", "2", "--", *SWEEP, *option) == SWEEP


@pytest.mark.parametrize("system", ["slurm", "kubernetes --image i", "kubernetes --image i --namespace a"])
def test_the_password_of_a_storage_is_in_no_file_and_no_line(system, tmp_path, monkeypatch):
    monkeypatch.delenv("JAXGEN_STORAGE", raising=False)
    out = tmp_path / "job"
    for option in (["--storage", URL], [f"--storage={URL}"]):
        done = launch(*system.split(), "--tasks", "2", "--out", str(out), "--", *SWEEP, *option)
        assert done.returncode == 0
        assert "hunter2" not in out.read_text() + done.stdout + done.stderr and "JAXGEN_STORAGE" in done.stderr
    monkeypatch.setenv("JAXGEN_STORAGE", URL)
    assert "hunter2" not in rendered(*system.split(), "--tasks", "2", "--", *SWEEP)
    assert "JAXGEN_STORAGE" not in rendered(*system.split(), "--", "train", "vae")


def test_a_job_reads_its_storage_from_a_secret(monkeypatch):
    monkeypatch.delenv("JAXGEN_STORAGE", raising=False)

    def reference(*options):
        text = rendered(*shlex.split("kubernetes --image i --tasks 2"), *options, "--", *SWEEP)
        (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
        ((name, source),) = ((variable["name"], variable["valueFrom"]) for variable in container["env"])
        assert name == "JAXGEN_STORAGE"
        return source["secretKeyRef"]

    assert reference("--storage-secret", "database") == {"name": "database", "key": "url"}
    monkeypatch.setenv("JAXGEN_STORAGE", URL)
    assert reference() == {"name": "vae-storage", "key": "url"}
    assert reference("--name", "x") == {"name": "x-storage", "key": "url"}
    advice = launch(*shlex.split("kubernetes --image i --namespace a"), "--", *SWEEP).stderr
    command = "kubectl create secret generic vae-storage --namespace a --from-file=url=/dev/stdin"
    assert advice.strip().endswith(f'printf %s "$JAXGEN_STORAGE" | {command}')


def test_an_array_ends_where_its_storage_is_not_in_the_environment(tmp_path, monkeypatch):
    text = rendered("slurm", "--tasks", "2", "--", *SWEEP, "--storage", URL)
    monkeypatch.delenv("JAXGEN_STORAGE", raising=False)
    with pytest.raises(subprocess.CalledProcessError) as error:
        run_slurm(text, tmp_path, ECHO, 0)
    assert "JAXGEN_STORAGE: set it to the URL" in error.value.stderr


def test_what_is_submitted_gets_the_storage_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("JAXGEN_STORAGE", raising=False)
    (tmp_path / "sbatch").write_text(f'#!/bin/sh\necho "$*:$JAXGEN_STORAGE" > {tmp_path}/got\ncat > {tmp_path}/input\n')
    (tmp_path / "sbatch").chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert launch("slurm", "--submit", "--tasks", "2", "--", *SWEEP, "--storage", URL, env=path).returncode == 0
    assert (tmp_path / "got").read_text() == f":{URL}\n"
    assert "hunter2" not in (tmp_path / "input").read_text()


def test_what_a_sweep_finds_is_on_the_volume(tmp_path):
    on_volume = lambda *words: container_words(tmp_path, "--volume", "c:/v/", "--", "sweep", "vae", *words)
    assert on_volume("--trials", "4") == shlex.split("sweep vae --trials 4 --dir /v/sweeps/vae")
    assert on_volume("--study", "x")[-2:] == ["--dir", "/v/sweeps/x"]
    assert on_volume("--dir=/v/here") == ["sweep", "vae", "--dir=/v/here"]
    assert container_words(tmp_path, "--", "sweep", "vae") == ["sweep", "vae"]


def test_several_hosts_are_one_training(tmp_path):
    text = rendered("slurm", "--hosts", "2", "--", "train", "vae", "--steps", "2")
    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n" in text
    assert text.endswith("exec srun jaxgen train vae --steps 2 --distributed\n")
    text = rendered("slurm", "--hosts", "2", "--gpus", "8", "--cpus", "32", "--", "train", "vae")
    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=8\n" in text
    # Of each of the eight processes: 32 of a machine.
    assert "#SBATCH --cpus-per-task=4\n" in text
    text = rendered("kubernetes", "--image", "i", "--hosts", "3", "--", "train", "gan_mlp")
    job, service = yaml.safe_load_all(text)
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 3
    assert job["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"] == "gan-mlp"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert service["spec"]["clusterIP"] == "None"
    place = "--coordinator-address gan-mlp-0.gan-mlp:8476 --num-processes 3 --process-id 2"
    received = json.loads(run_container(text, tmp_path, ECHO, 2).stdout)
    assert received == shlex.split(f"train gan_mlp --distributed {place}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("slurm", "nothing after --: give `-- train EXPERIMENT OPTIONS` or `-- sweep EXPERIMENT OPTIONS`"),
        ("slurm -- evaluate runs/a", "evaluate runs/a after --: give"),
        ("slurm -- train --help", "train --help after --: give"),
        ("slurm --tasks 2 -- sweep vae", "--tasks 2 of a sweep share one study: add --storage to its options"),
        ("slurm --hosts 2 -- sweep vae", "--hosts 2: for one training alone; a sweep goes over machines by --tasks"),
        ("slurm --tasks 2 -- train vae --seed x", "--seed x: give the seed of the first task"),
        ("slurm --tasks 0 -- train vae", "argument --tasks: 0 is not at least 1; `scripts/launch slurm --help`"),
        ("slurm --time 1;x -- train vae", "--time '1;x': give letters, digits and . : / + = , - _ alone"),
        (
            "slurm --hosts 2 --gpus 8 --cpus 4 -- train vae",
            "--cpus 4: cores for 8 processes, one for each GPU: give a multiple of 8",
        ),
        ("slurm --image i -- train vae", "unrecognized arguments: --image i"),
        ("kubernetes -- train vae", "the following arguments are required: --image"),
        ("kubernetes --image i --name A -- train vae", "--name 'A': give at most 53 lowercase letters, digits and -"),
        ("kubernetes --image i --volume c -- train vae", "--volume c: give CLAIM:PATH, as in results:/jaxgen/runs"),
        ("kubernetes --image i --tasks 2 --hosts 2 -- train vae", "--tasks 2 and --hosts 2: a Job has either"),
        ("slurm --out /absent/a -- train vae", "cannot write /absent/a: No such file or directory"),
        ("slurm --submit -- train vae", "no sbatch on this machine: launch where it is, or leave --submit out"),
        ("kubernetes --image i --submit -- train vae", "no kubectl on this machine: launch where it is"),
    ],
)
def test_errors_are_one_line(words, message, tmp_path):
    done = launch(*words.split(), env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"launch: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("system", "program", "words"),
    [("slurm", "sbatch", ""), ("kubernetes --image i", "kubectl", "apply -f -")],
)
def test_it_is_handed_over_only_where_that_is_asked_for(system, program, words, tmp_path):
    (tmp_path / program).write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/words\ncat > {tmp_path}/input\nexit 3\n')
    (tmp_path / program).chmod(0o755)
    arguments = [*system.split(), "--out", str(tmp_path / "file"), "--", "train", "vae"]
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert launch(*arguments, env=path).returncode == 0
    assert not (tmp_path / "input").exists()
    assert launch(arguments[0], "--submit", *arguments[1:], env=path).returncode == 3
    assert (
        (tmp_path / "input").read_text()
        == (tmp_path / "file").read_text()
        == rendered(*system.split(), *arguments[-3:])
    )
    assert (tmp_path / "words").read_text().strip() == words


def test_a_rendered_array_trains(tmp_path):
    script = str(ROOT / "experiments" / "noise_level.py")
    options = ("--tasks", "3", "--", "train", script, *shlex.split(QUICK), "--run", "my runs")
    done = run_slurm(rendered("slurm", *options), tmp_path, REAL, 2)
    assert "step 2/2" in done.stdout
    config = json.loads((tmp_path / "my runs" / "seed-2" / "config.json").read_text())["config"]
    assert (config["seed"], config["depth"]) == (2, 2)


def test_a_rendered_container_searches(tmp_path):
    script = str(ROOT / "experiments" / "gan_mlp.py")
    small = "--variant plain --data.name digits --data.size 8 --latent 2 --batch-size 8 --evaluate-images 16 --steps 2"
    search = "--search hyper.learning-rate=log:1e-4:1e-2 --sampler random --trials 2 --dir"
    options = ("--", "sweep", script, *shlex.split(f"{small} --no-tensorboard {search}"), "my sweep")
    done = run_container(rendered("kubernetes", "--image", "i", *options), tmp_path, REAL)
    assert "2/2: trial 1" in done.stderr + done.stdout
    assert (tmp_path / "my sweep" / "results.csv").read_text().count("complete") == 2
