"""The commands about published versions, as options and help; `pipeline.commands.releases` does the work."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson

__all__ = ["app"]

app = typer.Typer()

_Destination = Annotated[
    str | None,
    typer.Argument(
        metavar="DESTINATION",
        help="Where the Pusher pushes (a directory or URI), or the pipeline's configuration (YAML); the newest one "
        "under models/ if not given.",
    ),
]
_Key = Annotated[
    str | None,
    typer.Option(
        "--signing-key",
        envvar="EMOTION_SIGNING_KEY",
        help="Private key in PEM that signs the manifests: its path, or env:NAME; if not given, that of the "
        "configuration.",
    ),
]
_TrustedKeys = Annotated[
    Path | None,
    typer.Option(
        "--trusted-keys",
        help="Public keys in PEM that signed before, once the key was changed; if not given, those of the "
        "configuration.",
    ),
]
_Message = Annotated[str, typer.Option("--message", "-m", help="Why, for the history.")]


@app.command()
def versions(
    destination: _Destination = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show what happened, in place of what is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the published versions: which is served, which is tried out, which was rolled back."""
    from pipeline.commands.releases import versions_command

    versions_command(destination, history=history, as_json=as_json)


@app.command()
def promote(
    destination: _Destination = None,
    version: Annotated[int | None, typer.Option(help="Version to serve; the canary if not given.")] = None,
    message: _Message = "",
    signing_key: _Key = None,
    trusted_keys: _TrustedKeys = None,
) -> None:
    """Serve the canary, or any version that is there, from now on."""
    from pipeline.commands.releases import promote_command

    promote_command(
        destination, version=version, message=message, signing_key=signing_key, trusted_keys=trusted_keys
    )


@app.command()
def rollback(
    destination: _Destination = None,
    to: Annotated[
        int | None, typer.Option(help="Version to go back to; the last good one if not given.")
    ] = None,
    message: _Message = "",
    signing_key: _Key = None,
    trusted_keys: _TrustedKeys = None,
) -> None:
    """Undo the last release: drop the canary if there is one, else serve the version before again."""
    from pipeline.commands.releases import rollback_command

    rollback_command(destination, to=to, message=message, signing_key=signing_key, trusted_keys=trusted_keys)


@app.command()
def verify(
    directory: Annotated[
        Path, typer.Argument(help="Version directory, `…/saved_model/7` or `…/tflite/7`, or a copy of it.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", help="Public key or keys in PEM that must have signed it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that a version is what was pushed, file by file, and by whom. Exit code 3 if it is not."""
    from pipeline.commands.releases import verify_command

    raise typer.Exit(verify_command(directory, key=key, as_json=as_json))
