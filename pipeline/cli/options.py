"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["CONFIG_FILE", "AsJson", "ConfigFile", "NoCache"]

CONFIG_FILE = Path("emotion.yaml")
"""What `emotion init` writes."""

ConfigFile = Annotated[Path, typer.Argument(help="Pipeline configuration (YAML); `emotion init` writes one.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Run every stage again.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
