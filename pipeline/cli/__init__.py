"""The `emotion` command. This package imports nothing heavy: `--help` answers at once."""

import errno
import os
import sys
from typing import Annotated

import typer

from pipeline.cli import asking, exporting, history, orchestrating, releasing, running
from pipeline.cli.help import Command, Group
from pipeline.interpreter import look_less_for_garbage
from serving.cpus import available_cpus

__all__ = ["app", "main"]

app = typer.Typer(
    name="emotion",
    cls=Group,
    help="From labelled text to emotion models that answer alike in TF Serving and on a phone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _panel, _commands in {
    "Run": running.app,
    "Ask a model": asking.app,
    "Export and serve": exporting.app,
    "Releases": releasing.app,
    "Look at what ran": history.app,
    "Other orchestrators": orchestrating.app,
}.items():
    for _command in _commands.registered_commands:
        _command.rich_help_panel = _panel
        _command.cls = Command
    app.add_typer(_commands)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"emotion-pipeline {metadata.version('emotion-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version, and end.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    if context.invoked_subcommand != "serve":
        # Where a CPU has no AVX512_VNNI, TensorFlow leaves oneDNN out, with which a training is a sixth faster. A
        # server keeps TensorFlow Serving's choice: single texts take longer with it.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_STOPPED_EXIT_CODE = 75
"""EX_TEMPFAIL of sysexits.h, which supervisors take for "try again"."""

_REFUSALS = {
    *(errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM),
    errno.EROFS,
}
"""What a path that a user names can lead to. A full or broken disk, or a file that a bug looks for, is none of it."""


def main() -> None:
    """Runs the command; one clear line and exit code 2 for a mistake of the user, 75 if stopped, 1 for a failure."""
    look_less_for_garbage()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow itself takes a thread for each CPU of the machine, whatever a container may use.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(available_cpus()))
    try:
        app()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as err:
        sys.exit(_explain(err))


def _explain(err: Exception) -> int:
    from components.core.errors import EmotionPipelineError, StoppedError, UserError
    from pipeline.printable import printable
    from serving.errors import SavedModelError, ServerStartError
    from tflite.errors import MetadataError, ModelFileError

    if isinstance(err, ModuleNotFoundError) and _is_of_others(err.name):
        print(
            f"error: this command needs {err.name}, which is not installed; `pip install 'emotion-pipeline[pipeline]'`",
            file=sys.stderr,
        )
        return 2
    if isinstance(err, OSError) and err.filename is not None and err.errno in _REFUSALS:
        print(f"error: {printable(str(err.filename))}: {err.strerror}", file=sys.stderr)
        return 2
    mistakes = (UserError, SavedModelError, ServerStartError, MetadataError, ModelFileError)
    if not isinstance(err, (EmotionPipelineError, *mistakes)):
        raise err
    if isinstance(err, StoppedError):
        print(f"stopped: {printable(str(err))}; run the same command again to go on", file=sys.stderr)
        return _STOPPED_EXIT_CODE
    print(f"error: {printable(str(err))}", file=sys.stderr)
    return 2 if isinstance(err, mistakes) else 1


def _is_of_others(module: str | None) -> bool:
    """Whether a package is missing, and not a module of this project."""
    return module is not None and module.split(".")[0] not in ("pipeline", "components", "serving", "tflite")
