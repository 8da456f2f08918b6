"""Finding the pipeline root and the pushed model that a command means when none is named."""

from pathlib import Path

from components.core.errors import UserError

__all__ = ["newest_pushed", "newest_root", "roots"]


def newest_root(given: Path | None) -> Path:
    """The root that was named, or the one under `runs/` that was used last.

    Raises:
        UserError: there is none.
    """
    # Serving and predicting look for pushed models, where no metadata store needs to be installed.
    from pipeline.metadata.location import has_store

    if given is not None:
        if not has_store(given):
            raise UserError(
                f"{given}: is no pipeline root (no metadata.sqlite); name the `root` of a configuration, or its "
                "`work_dir`"
            )
        return given
    found = roots()
    if not found:
        raise UserError("no run found under runs/; run `emotion run CONFIG` first or name --root")
    return found[-1]


def roots() -> list[Path]:
    """The pipeline roots under `runs/`, the one that was used last at the end."""
    from pipeline.metadata.location import has_store, last_used

    return sorted((path for path in Path("runs").glob("*") if has_store(path)), key=last_used)


def newest_pushed(kind: str) -> Path:
    """The directory of the version that is served, of the newest pushed model under `models/`.

    Args:
        kind: `saved_model` or `tflite`.

    Raises:
        UserError: there is none.
    """
    versions = [path for path in Path("models").glob(f"*/{kind}/*") if path.name.isdigit() and path.is_dir()]
    if not versions:
        raise UserError("no pushed model found under models/; run `emotion run CONFIG` first or name --model")
    newest = max(versions, key=lambda path: (path.stat().st_mtime, int(path.name)))
    return _stable(newest) or newest


def _stable(newest: Path) -> Path | None:
    """The version beside it that is served, which a canary or one that was rolled back is not."""
    from components.publishing.destination import Destination

    event = Destination(str(newest.parent.parent)).history.newest()
    if event is None or event.state.stable is None:
        return None
    stable = newest.parent / str(event.state.stable)
    return stable if stable.is_dir() else None
