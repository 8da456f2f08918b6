"""What is known of one split: the proto that TFDV reads, and beside it `statistics.json`, if it is there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from components.core import features
from components.core.errors import DataError, UserError
from components.core.filesystem import exists, open_file, subdirectories
from components.data.statistics.feature_view import FeatureView
from components.data.validation.histograms import Histogram

__all__ = ["SplitProfile", "read_profiles"]

_LENGTHS = "length_words"
"""The lengths that are compared: tokens depend on the encoder, characters have coarser buckets."""

_WHOLE = "All Examples"
"""What TFDV calls the statistics of everything where it has computed others of slices."""


@dataclass(frozen=True)
class SplitProfile:
    """Statistics of a split.

    Attributes:
        name: the split.
        dataset: its `DatasetFeatureStatistics`.
        document: its entry in `statistics.json`; empty if only the proto is there.
    """

    name: str
    dataset: Any
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of examples."""
        return int(self.dataset.num_examples)

    @cached_property
    def views(self) -> Mapping[str, FeatureView]:
        """Features by name."""
        return {view.name: view for view in map(FeatureView, self.dataset.features)}

    @cached_property
    def label_counts(self) -> Mapping[str, int]:
        """Examples by label; empty if there are no labels."""
        counted: Mapping[str, int] | None = self.document.get("label_counts")
        if counted is not None:
            return counted
        labels = self.views.get(features.LABELS)
        return {} if labels is None else {label: round(count) for label, count in labels.counts.items()}

    @property
    def labels_per_text(self) -> Mapping[str, int]:
        """Examples by number of labels; empty if that was not counted."""
        counted: Mapping[str, int] = self.document.get("labels_per_text", {})
        return counted

    @property
    def lengths(self) -> Histogram | None:
        """Words per text; None if they were not counted."""
        counted = (self.document.get(_LENGTHS) or {}).get("histogram")
        if counted:
            return Histogram(counted["edges"], counted["counts"])
        text = self.views.get(features.TEXT)
        histogram = None if text is None else text.custom_histogram(_LENGTHS)
        return None if histogram is None else Histogram.from_proto(histogram)

    def categories(self) -> Mapping[str, FeatureView]:
        """Slice features by name."""
        return {name: view for name, view in self.views.items() if name.startswith(features.SLICE_PREFIX)}


def read_profiles(uri: str) -> dict[str, SplitProfile]:
    """Profiles by split.

    Args:
        uri: a directory as `ExampleStatistics` draws it, with or without `statistics.json`, or a single
            `FeatureStats.pb` as TFDV writes it; local or remote. The only data set of such a file, or that of all
            examples beside others of slices, is called `train`.

    Raises:
        DataError: there are no statistics.
        UserError: the file is missing or may not be read.
    """
    uri = uri.rstrip("/")
    splits = [name.removeprefix("Split-") for name in subdirectories(uri) if name.startswith("Split-")]
    if not splits:
        within = f"{uri}/FeatureStats.pb"
        datasets = _read_datasets(within if exists(within) else uri)
        whole = [dataset for dataset in datasets if len(datasets) == 1 or dataset.name == _WHOLE]
        if whole:
            return {"train": SplitProfile("train", whole[0])}
        return {dataset.name: SplitProfile(dataset.name, dataset) for dataset in datasets}
    documents = _read_documents(f"{uri}/statistics.json")
    return {
        split: SplitProfile(
            split, _read_datasets(f"{uri}/Split-{split}/FeatureStats.pb")[0], documents.get(split, {})
        )
        for split in sorted(splits, key=lambda name: (name != "train", name))
    }


def _read_datasets(uri: str) -> list[Any]:
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import statistics_pb2

    if Path(uri).is_dir():
        raise DataError(_no_statistics(uri))
    try:
        with open_file(uri) as stream:
            found = statistics_pb2.DatasetFeatureStatisticsList.FromString(stream.read())
    except DecodeError as err:
        raise DataError(_no_statistics(uri)) from err
    if not found.datasets or not any(dataset.features or dataset.name for dataset in found.datasets):
        raise DataError(_no_statistics(uri))
    return list(found.datasets)


def _no_statistics(uri: str) -> str:
    return (
        f"{uri}: holds no statistics; expected a directory with Split-<name>/FeatureStats.pb, as under "
        "<root>/statistics_gen/statistics/<number>, or one FeatureStats.pb"
    )


def _read_documents(uri: str) -> Mapping[str, Mapping[str, Any]]:
    if not exists(uri):
        return {}
    try:
        with open_file(uri) as stream:
            splits: Mapping[str, Mapping[str, Any]] = json.loads(stream.read())["splits"]
    except (ValueError, KeyError, TypeError) as err:
        raise UserError(
            f"{uri}: is not what StatisticsGen writes ({err!r}); remove it or compute it anew"
        ) from err
    return splits
