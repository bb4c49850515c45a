"""Parsing of command lines into dataclasses, and exit statuses with one-line errors."""

import dataclasses
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from jaxgen.allocator import keep_freed_memory
from jaxgen.errors import UnfinishedError, UsageError, unknown
from jaxgen.fields import parts, ranges, require_local
from jaxgen.io.text import hide_passwords, printable

if TYPE_CHECKING:
    from tyro.constructors import StructFieldSpec

T = TypeVar("T")
USAGE, FAILED, SIGNALLED = 2, 1, 128
MAX_COLUMNS = 120
"""Length of the lines of a description in the help, in a wider terminal."""
OUT_OF_MEMORY = "the device is out of memory: lower --batch-size, --width or --tile-size, or raise --microbatches"
NUMBERS = {"FLOAT": "a number", "INT": "a whole number", "INT|{INT INT}": "one or two whole numbers"}
"""What a person is asked for, by the name of the type in the help."""
OTHER_NAMES = {
    "epochs": "steps",
    "gp-weight": "hyper.penalty-weight",
    "gpus": "devices",
    "iterations": "steps",
    "lambda": "hyper.penalty-weight",
    "resume": "run",
}
"""Options by the names that they have in other programs."""


def option_names(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the dotted name of every option of a dataclass: its fields and those of nested dataclasses.

    Positional arguments and class variables are left out. Fields of a dataclass that is marked with tyro's
    OmitArgPrefixes have no prefix.
    """
    from tyro.conf import OmitArgPrefixes, Positional

    for name, hint in get_type_hints(kind, include_extras=True).items():
        markers = getattr(hint, "__metadata__", ())
        inner = get_args(hint)[0] if markers else hint
        if Positional in markers or get_origin(hint) is ClassVar:
            continue
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            yield from option_names(inner, prefix if OmitArgPrefixes in markers else f"{prefix}{name}.")
        else:
            # The name that tyro.conf.arg gives wins.
            yield prefix + next((marker.name for marker in markers if getattr(marker, "name", None)), name)


def parse(kind: type[T], arguments: Sequence[str], description: str, program: str) -> T:
    """Parses a command line into a dataclass.

    Args:
      kind: the dataclass. Its fields are the options, their docstrings the help.
      arguments: the words after the program's name.
      description: the first lines of --help.
      program: the program's name in usage lines.
    Raises:
      UsageError: for an unknown option or a value that does not fit, in one line.
      SystemExit: with status 0 after --help.
    """
    config, words = parse_known(kind, arguments, description, program)
    if words:
        raise UsageError(explain_unknown(words, kind, program))
    return config


def parse_known(kind: type[T], arguments: Sequence[str], description: str, program: str) -> tuple[T, list[str]]:
    """Parses those words of a command line that a dataclass has options for, and returns it and the other words.

    See `parse` for the arguments.
    """
    import tyro
    from tyro import _errors

    if {"-h", "--help"} & set(arguments):
        # Printed here, as tyro joins lines and does not wrap them.
        print(wrap(description, min(shutil.get_terminal_size().columns, MAX_COLUMNS)), end="\n\n")

    def fail(event: _errors.ParseErrorEvent) -> NoReturn:
        raise UsageError(explain_parse_error(event, kind))

    with _errors.on_parse_error(fail), show_ranges(kind):
        config, words = tyro.cli(
            kind,
            args=list(arguments),
            description="",
            prog=program,
            return_unknown_args=True,
            config=(tyro.conf.DisallowNone, tyro.conf.PositionalMetavarFromFieldName),
        )
    require_local(config)
    return config, words


def wrap(text: str, columns: int) -> str:
    """Returns a docstring with its paragraphs wrapped; indented lines, and fields such as "Source: …", stay lines."""
    lines = re.sub(r"(?<=\S)\n(?=\S)(?![A-Z]\w+: )", " ", text.strip()).split("\n")
    fill = partial(textwrap.fill, width=columns, break_long_words=False, break_on_hyphens=False)
    return "\n".join(line if line.startswith(" ") else fill(line) for line in lines)


def show_ranges(kind: type) -> AbstractContextManager:
    """Returns a context in which tyro's help of a dataclass states the ranges of options beside their defaults.

    An empty default, None, "" or (), is not shown: the option's text says what happens without it. Line breaks of the
    text are spaces.
    """
    import tyro
    from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo
    from tyro.constructors._struct_spec_dataclass import dataclass_rule

    prefixes, allowed, registry = {part: prefix for prefix, part in parts(kind)}, ranges(kind), ConstructorRegistry()

    def with_hint(field: "StructFieldSpec", prefix: str) -> "StructFieldSpec":
        shown_range, text = allowed.get(prefix + field.name), field.helptext
        # Found when it is shown: to read it is slow.
        joined = lambda: " ".join(((text() if callable(text) else text) or "").split()) or None
        field = dataclasses.replace(field, helptext=joined)
        is_empty = field.default is None or (isinstance(field.default, str | tuple) and not field.default)
        if shown_range is None and not is_empty:
            return field

        def hint(default: str) -> str:
            facts = [f"default: {default}"] * (not is_empty) + [str(shown_range)] * (shown_range is not None)
            return f"({'; '.join(facts)})" if facts else ""

        return dataclasses.replace(field, type=Annotated[field.type, tyro.conf.arg(help_behavior_hint=hint)])

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if info.type not in prefixes or (spec := dataclass_rule(info)) is None:
            return None
        fields = tuple(with_hint(field, prefixes[info.type]) for field in spec.fields)
        return dataclasses.replace(spec, fields=fields)

    return registry


def explain_parse_error(event: Any, kind: type) -> str:
    """Returns what is wrong with a command line, in one line.

    Args:
      event: tyro's description of the error.
      kind: the dataclass whose options were parsed.
    """
    from tyro import _errors

    help_hint = f"`{event.prog} --help` lists what is allowed"
    message = f"this command line is not understood: {help_hint}"
    match event:
        case _errors.MissingArgs() if event.unrecognized_tokens:
            message = explain_unknown(event.unrecognized_tokens, kind, event.prog)
        case _errors.MissingArgs():
            names = ", ".join(display_name(missing.arg) for missing in event.missing_arguments)
            message = f"missing {names}: {help_hint}"
        case _errors.MissingMutexGroup():
            names = ", ".join(display_name(member.arg) for member in event.groups[0])
            message = f"give one of {names}: {help_hint}"
        case _errors.MutexConflict():
            message = f"{event.first_token} and {event.second_token} exclude each other: give one of them"
        case _errors.InvalidChoice(argument=argument, value=value, choices=choices):
            message = str(unknown(display_name(argument), value, [name for name in choices if name != "None"]))
            if "," in value and {*value.split(",")} <= {*choices}:
                message = f"{display_name(argument)} {value}: write spaces between the names, {value.replace(',', ' ')}"
        case _errors.BadValue(argument=argument) if argument.is_positional():
            message = f"missing {display_name(argument)}: {help_hint}"
        case _errors.BadValue(argument=argument):
            message = f"{display_name(argument)} needs a value: give {argument.lowered.metavar}"
        case _errors.InstantiationFailure(argument=None):
            message = event.message
        case _errors.InstantiationFailure(argument=argument) if argument is not None:
            reason, metavar = event.message.partition("\n\nGot errors")[0].rstrip("."), argument.lowered.metavar
            message = f"{display_name(argument)}: {reason}; give {metavar}"
            # Of a number the reason would be Python's own, as in "invalid literal for int() with base 10".
            if metavar in NUMBERS and (value := re.search(r"(?<=\[)'.*'(?=\])|'.*'", reason)):
                message = f"{display_name(argument)} {value[0]}: give {NUMBERS[metavar]}"
    return message


def explain_unknown(words: Sequence[str], kind: type, program: str) -> str:
    """Returns the error for words that are no option or argument of a dataclass, in one line."""
    option = next((word for word in words if word.startswith("-")), None)
    if option is None:
        return f"unexpected argument {words[0]!r}: `{program} --help` lists what is allowed"
    names = [name.replace("_", "-") for name in option_names(kind)]
    name = option.lstrip("-").partition("=")[0].replace("_", "-")
    if (meant := OTHER_NAMES.get(name)) in names:
        return f"unknown option {name!r}: did you mean {meant}?"
    return str(unknown("option", name, names, listing=f"`{program} --help` lists the options"))


def display_name(argument: Any) -> str:
    """Returns an argument as a person types it: --option, or the NAME of a positional one."""
    return argument.lowered.metavar if argument.is_positional() else argument.lowered.name_or_flags[-1]


def use_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX has a compilation cache already."""
    import jax

    if jax.config.values["jax_compilation_cache_dir"]:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "jaxgen" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def exit_status(action: Callable[[], Any]) -> int:
    """Runs an action, prints an error that a user can correct as one line, and returns the exit status.

    Returns:
      0: success. 1: training failed (a value is not finite, or the device is out of memory), or some of several files
      failed. 2: the user must correct an argument or a file. 128 + N: stopped by signal N, after a checkpoint if there
      was a state to save.
    """
    try:
        action()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has ended, as `head` does. Python would complain about the closed pipe when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SIGNALLED + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        from jax.errors import JaxRuntimeError

        from jaxgen.training.progress import unless_gone
        from jaxgen.training.stopping import Interrupted, NonFiniteError

        message = str(error)
        match error:
            case UsageError():
                status = USAGE
            case NonFiniteError() | UnfinishedError():
                status = FAILED
            case Interrupted():
                status = SIGNALLED + error.signal
            case KeyboardInterrupt():
                message, status = "stopped; files written so far stay", SIGNALLED + signal.SIGINT
            case JaxRuntimeError() if "RESOURCE_EXHAUSTED" in message:
                message, status = f"{OUT_OF_MEMORY}: {message.splitlines()[0]}", FAILED
            case _:  # A bug keeps its traceback.
                raise
        # It may repeat what is in a file from elsewhere, or a URL as it was typed.
        with unless_gone():
            print(f"jaxgen: {printable(hide_passwords(' '.join(message.split())))}", file=sys.stderr)
        return status
    return 0


def run_script(
    kind: type, build: Callable, description: str | None, arguments: Sequence[str] | None = None, program: str = ""
) -> NoReturn:
    """Runs an experiment script: parses the command line, trains and exits.

    Args:
      kind: the script's Config.
      build: the script's build.
      description: the script's docstring, which --help prints.
      arguments: the words of the command line; None: those of this process.
      program: what is typed before the words; empty: the script's file name.
    """
    import jax

    from jaxgen.runs.experiment_copy import find_script
    from jaxgen.runs.train import train
    from jaxgen.training import distributed, supervision

    def action() -> None:
        words = sys.argv[1:] if arguments is None else arguments
        config = parse(kind, words, description or "", program or find_script(build).name + ".py")
        keep_freed_memory()
        use_compilation_cache()
        if config.distributed:
            status = lambda: exit_status(lambda: train(config, build))
            sys.exit(supervision.supervise(status, distributed.is_lost, jax.distributed.shutdown))
        train(config, build)

    sys.exit(exit_status(action))
