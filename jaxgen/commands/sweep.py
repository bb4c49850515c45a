"""`jaxgen sweep`: searches over the options of an experiment."""

from dataclasses import dataclass, field

from tyro.conf import OmitArgPrefixes, Positional

from jaxgen.allocator import keep_freed_memory
from jaxgen.runs.command_line import use_compilation_cache
from jaxgen.sweeps.options import Options


@dataclass(frozen=True, kw_only=True)
class Command:
    """Searches over the options of an experiment. Options of the experiment itself hold for every trial.

    Examples:
        jaxgen sweep gan_mlp --steps 500 --search hyper.learning-rate=log:1e-5:1e-2
    """

    experiment: Positional[str]
    """Name of an experiment (`jaxgen train --help` lists them), or path of an experiment script. ./experiments/NAME.py
    wins over an installed one."""
    sweep: OmitArgPrefixes[Options] = field(default_factory=Options)

    def __call__(self, *words: str) -> None:
        """Runs the sweep and prints its results."""
        from jaxgen.sweeps import sweep

        keep_freed_memory()
        use_compilation_cache()
        folder = sweep.run(self.experiment, self.sweep, words)
        print((folder / "results.md").read_text())
        files = sorted(path.name for path in folder.iterdir() if path.suffix in {".md", ".csv", ".png"})
        print(f"{folder}: {', '.join(files)}, trials")
