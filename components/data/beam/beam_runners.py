"""Beam's runner and options, made of the configuration."""

import argparse
import importlib
import re
from typing import Any

from components.core.errors import ConfigError
from components.data.beam.beam_config import IN_PROCESS, BeamConfig

__all__ = ["make_options", "make_runner"]

_EXTRAS = {"DataflowRunner": "gcp"}


def make_runner(config: BeamConfig) -> Any:
    """The runner that the configuration names.

    Raises:
        ConfigError: there is no such class, or a package that it needs is missing.
    """
    module, _, name = config.runner_class.rpartition(".")
    try:
        runner = getattr(importlib.import_module(module), name)
        _require_client(config.runner)
        return runner()
    except ImportError as err:
        raise ConfigError(f"beam.runner is {config.runner!r}: {err}; {_remedy(config.runner)}") from err
    except AttributeError as err:
        raise ConfigError(f"beam.runner is {config.runner!r}: module {module} has no class {name}") from err


def _require_client(runner: str) -> None:
    """Imports what the runner's module is content to do without until it is too late."""
    if runner == "DataflowRunner":
        importlib.import_module("apache_beam.runners.dataflow.internal.apiclient")
    elif runner == "DaskRunner":
        importlib.import_module("dask.distributed")


def _remedy(runner: str) -> str:
    if runner in _EXTRAS:
        return f"install it with `pip install 'emotion-pipeline[{_EXTRAS[runner]}]'`"
    if runner == "DaskRunner":
        return "install it with `pip install 'apache-beam[dask]'`"
    return "is its package installed, and its directory on PYTHONPATH?"


def make_options(config: BeamConfig) -> Any:
    """Beam's `PipelineOptions`; the runner's class must be imported before, as it may define options.

    Raises:
        ConfigError: an option does not exist or its value does not fit.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    values = dict(config.options)
    if config.workers > 1:
        values = {
            "direct_running_mode": "multi_processing",
            "direct_num_workers": config.workers,
            **values,
        }
    # From a mapping, even an empty one: without flags Beam would read this process's command line.
    options = PipelineOptions.from_dictionary(values)
    parser, unknown = _parse(options)
    if unknown and (config.runner_class == IN_PROCESS or config.runner in ("DataflowRunner", "DaskRunner")):
        raise ConfigError(f"beam.options: {_explain_unknown(unknown[0], parser, config.runner)}")
    return options


def _parse(options: Any) -> tuple[argparse.ArgumentParser, list[str]]:
    """Beam's parser of all options, and what it does not know of these."""
    parsers: list[argparse.ArgumentParser] = []

    def keep(parser: argparse.ArgumentParser) -> None:
        # Or a wrong value would end this process.
        parser.exit_on_error = False
        parsers.append(parser)

    try:
        options.get_all_options(add_extra_args_fn=keep)
        _, unknown = parsers[0].parse_known_args(options._flags)
    except argparse.ArgumentError as err:
        name = (err.argument_name or "").split("/")[0].lstrip("-")
        raise ConfigError(f"beam.options.{name}: {err.message}") from err
    return parsers[0], unknown


def _explain_unknown(flag: str, parser: argparse.ArgumentParser, runner: str) -> str:
    import difflib

    name = flag.lstrip("-").partition("=")[0]
    known = re.findall(r"--(\w+)", parser.format_usage())
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean `{near[0]}`?" if near else "see `docs/beam.md` for those of each runner"
    return f"{runner} has no option `{name}`; {remedy}"
