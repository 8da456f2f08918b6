"""Version directories in TensorFlow Serving's layout: `<base path>/<integer>/saved_model.pb`."""

from pathlib import Path

from serving.errors import SavedModelError

__all__ = ["find_versions", "newest_version"]


def find_versions(base_path: Path | str) -> dict[int, Path]:
    """The versions under `base_path`, ascending; other entries, hidden and half-written ones are passed over."""
    try:
        entries = list(Path(base_path).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {
        int(entry.name): entry
        for entry in entries
        if entry.name.isascii() and entry.name.isdigit() and (entry / "saved_model.pb").is_file()
    }
    return dict(sorted(found.items()))


def newest_version(base_path: Path | str) -> tuple[int, Path]:
    """Number and directory of the newest version under `base_path`.

    Raises:
        SavedModelError: there is none.
    """
    versions = find_versions(base_path)
    if not versions:
        raise SavedModelError(
            f"{base_path}: holds no version (expected <number>/saved_model.pb); push a model there or name "
            "another directory"
        )
    return next(reversed(versions.items()))
