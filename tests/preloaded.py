"""Python programs in processes forked from one that has imported JAX and jaxgen, which saves each the imports.

`Process` has the interface of `subprocess.Popen`. The process that forks has never touched a backend, so that a program
finds JAX as it is after `import jax`; JAX's settings in the program's environment (JAX_ENABLE_X64=1 …) hold as usual.
What a test says about imports or about starting up needs a real process.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from multiprocessing import reduction

PRELOADED = [
    "flax.linen",
    "jaxgen.commands.main",
    "jaxgen.runs.disk.checkpoints",
    "jaxgen.sweeps.sweep",
    "jaxgen.training.supervision",
    "matplotlib.figure",
    "optax",
    "sklearn.datasets",
]
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(PRELOADED)


class Process:
    """A program in a process of its own: `arguments` are what follows `python`, a script's path, -m or -c."""

    def __init__(self, *arguments, env=None, cwd=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        self.args, self.returncode = list(map(str, arguments)), None
        (stdin, ours), *outputs = os.pipe(), os.pipe(), os.pipe()
        streams = [stdin, *(write for _, write in outputs)]
        if stdout != subprocess.PIPE:
            streams[1] = stdout.fileno()
        if stderr == subprocess.STDOUT:
            streams[2] = streams[1]
        request = {
            "arguments": self.args,
            "environment": dict(os.environ if env is None else env),
            "folder": os.fspath(cwd or os.getcwd()),
            "streams": list(map(DupFd, streams)),
        }
        self._process = context.Process(
            target=runpy.run_path, args=(__file__, {"REQUEST": request}, "forked"), daemon=True
        )
        self._process.start()
        self.pid = self._process.pid
        for descriptor in (stdin, *(write for _, write in outputs)):
            os.close(descriptor)
        self.stdin = os.fdopen(ours, "w")
        self.stdout, self.stderr = (os.fdopen(read) for read, _ in outputs)

    def poll(self):
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """Returns what the program wrote on standard output and on standard error, once it has ended."""
        written = ["", ""]

        def read(index, stream):
            written[index] = stream.read()

        self.stdin.close()
        threads = [threading.Thread(target=read, args=pair) for pair in enumerate((self.stdout, self.stderr))]
        for thread in threads:
            thread.start()
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            for thread in threads:
                thread.join()
        return tuple(written)

    def send_signal(self, signum):
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class DupFd:
    """A file descriptor that is pickled for a process about to be started."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def __reduce__(self):
        return reduction.DupFd(self.descriptor).detach, ()


def configure(environment):
    """Gives JAX the settings that it reads from the environment when it is imported."""
    import jax

    parsers = {bool: lambda text: text.lower() in ("1", "true"), int: int, float: float}
    for name, text in environment.items():
        if name.startswith("JAX_") and os.environ.get(name) != text:
            setting = name.lower()
            jax.config.update(setting, parsers.get(type(jax.config.values[setting]), str)(text))


def run(arguments, environment, folder, streams):
    """Runs a program as the Python interpreter does, in a forked process."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    unbuffered = bool(environment.get("PYTHONUNBUFFERED"))
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if unbuffered else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    configure(environment)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    option, *rest = [word for word in arguments if word != "-P"]
    try:
        if option == "-c":
            sys.argv[:], sys.path[:0] = ["-c", *rest[1:]], [""]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        elif option == "-m":
            sys.argv[:], sys.path[:0] = rest, [] if "-P" in arguments else [os.getcwd()]
            sys.modules.pop(rest[0], None)
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv[:], sys.path[:0] = arguments, [os.path.dirname(os.path.abspath(option))]
            runpy.run_path(option, run_name="__main__")
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()


if __name__ == "forked":
    run(**REQUEST)  # noqa: F821 - runpy.run_path defines it.
