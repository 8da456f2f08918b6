"""`emotion serve`: the embedded server over a pushed model."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from components.core.errors import UserError
from pipeline.commands.roots import newest_pushed
from pipeline.native_stderr import stderr_to
from pipeline.printable import escape
from serving.description import describe
from serving.errors import SavedModelError
from serving.leaving import leave

__all__ = ["example_request", "serve_command"]


def serve_command(
    model: Path | None, *, name: str | None, host: str, port: int, rest_port: int, flags: Sequence[str] = ()
) -> int:
    """Serves until Ctrl-C or SIGTERM, then drains; returns the exit code.

    A pushed model is served as the Pusher's `models.config` says, if it wrote one, also when that changes.

    Args:
        model: the newest pushed one if None.
        name: of the model in requests; None = what `models.config` says, `emotion` without one.
        host: address to listen on.
        port: gRPC port; 0 takes a free one.
        rest_port: REST port; 0 takes a free one.
        flags: of `python -m serving`; they win.
    """
    from serving.versions import newest_version

    base = _model_base_path(model)
    # Raises at once if there is none: TensorFlow takes seconds to load.
    _, directory = newest_version(base)
    request = escape(example_request(directory))
    with stderr_to(os.devnull):
        from serving.tensorflow_alone import import_tensorflow

        import_tensorflow()
        import tensorflow as tf

        from serving.flags import parse_flags
        from serving.server import ModelServer, serve_until_signal
        from serving.setup import host_port

        tf.config.list_physical_devices()  # where there is no GPU, CUDA complains of it, once

    console = Console()

    def announce(server: ModelServer) -> None:
        served = next(iter(server.models.repositories))
        root = f"{scheme}://{host_port(host, server.rest_port)}/"
        url = f"{root}v1/models/{served}"
        address = f"gRPC {host_port(host, server.port)}, REST {url}"
        console.print(f"serving {base} as [bold]{served}[/]: {address}", highlight=False, soft_wrap=True)
        if labels := server.models.labels(served):
            told = ", ".join(f"{label} is version {labels[label]}" for label in sorted(labels, reverse=True))
            console.print(f"  {told}", highlight=False, soft_wrap=True)
        if "stable" in labels:
            # Whoever names no label is answered by the highest number, which may be a canary.
            url += "/labels/stable"
        console.print(
            f"  try: [green]curl {header}-d '{request}' {url}:predict[/]", highlight=False, soft_wrap=True
        )
        if config.enable_web_page:
            console.print(f"  look: {root}", highlight=False, soft_wrap=True)
        console.print("  Ctrl-C stops it", highlight=False)

    # A destination of the Pusher also holds what it says of its versions.
    pushed = base.name == "saved_model"
    place = {"pushed_model_dir": base.parent} if pushed else {"model_base_path": base}
    named = name if pushed else name or "emotion"
    config = parse_flags(flags, **place, model_name=named, host=host, port=port, rest_api_port=rest_port)
    scheme = "https" if config.guard.tls_certificate_file else "http"
    header = "-H 'x-api-key: KEY' " if config.guard.api_keys_file else ""
    if serve_until_signal(config, on_start=announce, mask_text=_mask_text()):
        leave(0)
    return 0


def _mask_text() -> Callable[[str], str]:
    """The pipeline's own masking of personal data, for the request log."""
    from components.data.pii.settings import Pii

    masker = Pii().masker()
    return lambda text: masker.mask(text)[0]


def example_request(saved_model_dir: Path) -> str:
    """The body of a predict request that the model answers."""
    try:
        segments = describe(saved_model_dir).segments
    except SavedModelError:  # a model that is not of this project
        segments = 1
    if segments == 1:
        return '{"instances": ["What a lovely day!"]}'
    return '{"instances": [{"text": "Yes, at last!", "context": "Did you get the job?"}]}'


def _model_base_path(model: Path | None) -> Path:
    """The directory of version directories: the pushed model's own, or the one that was named."""
    if model is None:
        return newest_pushed("saved_model").parent
    inside = model / "saved_model"
    if inside.is_dir():
        return inside
    if not model.is_dir():
        raise UserError(f"{model}: no such directory; name a pushed model directory")
    return model
