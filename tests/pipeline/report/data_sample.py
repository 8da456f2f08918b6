"""What the data stages leave behind, all of it: shards and protos for real, figures of synthetic labels and lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.artifacts import Examples, ExampleStatistics
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records

ROWS = {"train": 43410, "test": 5427, "validation": 5426}

HOSTILE = "<script>alert('x')</script> & \"quotes\" \u202egnirts desrever \x00\x1b[31m"
"""A text that breaks a page which does not escape it."""

TEXTS = (
    "You made my whole week, thank you all so much!",
    "Third time this month that the train just did not come 🙄",
    "Write to [EMAIL] or call [PHONE], I'd love to hear how she is.",
    "No idea what he meant by that, can somebody explain?",
    "שלום לכולם, תודה רבה",
    "The shop opens at nine.",
    "I miss my grandmother every single day.",
    HOSTILE,
)


def synthetic_targets(rng: np.random.Generator, rates: NDArray[np.float64], rows: int) -> NDArray[np.int64]:
    """Labels of `rows` texts, 0 or 1 [rows, labels]: some labels come with their neighbour in the list."""
    targets = rng.random((rows, len(rates))) < rates
    companions = targets[:, :-1] & (rng.random((rows, len(rates) - 1)) < 0.12)
    targets[:, 1:] |= companions
    return targets.astype(np.int64)


def examples_summary(labels: Sequence[str]) -> dict[str, Any]:
    """`summary.json` of Examples with every key that there is."""
    return {
        "labels": list(labels),
        "splits": {split: {"rows": rows} for split, rows in ROWS.items()},
        "dead_letters": 3,
        "dead_letters_by_reason": {"empty text": 1, "unknown label": 2},
        "placeholders": ["[EMAIL]", "[PHONE]", "[URL]", "[USER]"],
        "masked": {"EMAIL": 12, "URL": 241, "USER": 96, "PHONE": 4},
        "masked_rows": 338,
        "spans": ["span-41", "span-42"],
        "duplicates": duplicates(),
        "sources": [
            {
                "name": f"data/{split}.tsv",
                "format": "tsv",
                "encoding": "utf-8",
                "rows": rows + 3 * (split == "train"),
                "examples": {split: rows},
                "dead_letters": 3 * (split == "train"),
            }
            for split, rows in ROWS.items()
        ],
    }


def duplicates() -> dict[str, Any]:
    """What ExampleGen tells of duplicates."""
    leaked = [
        {
            "texts": [
                "It really does be like that sometimes, my friend",
                "it really do be like that sometimes my dear friend",
            ],
            "similarity": 0.82,
        },
        {"texts": ["Weird flex but ok", "Weird flex but ok"], "similarity": 1.0},
    ]
    return {
        "policy": "report",
        "similarity": 0.7,
        "min_words": 4,
        "near_looked_for": True,
        "exact": {"groups": 175, "rows": 407, "surplus_rows": 232},
        "near": {"groups": 61, "rows": 130, "surplus_rows": 69},
        "across_splits": [
            {
                "splits": ["train", "test"],
                "groups": 44,
                "exact_groups": 37,
                "rows": [51, 49],
                "examples": leaked,
            },
            {
                "splits": ["train", "validation"],
                "groups": 1,
                "exact_groups": 1,
                "rows": [1, 1],
                "examples": [],
            },
        ],
        "within_splits": {
            "train": {"groups": 160, "surplus_rows": 183},
            "test": {"groups": 6, "surplus_rows": 6},
            "validation": {"groups": 3, "surplus_rows": 3},
        },
        "conflicts": {
            "groups": 18,
            "rows": 39,
            "examples": [
                {"text": "Well, that went great.", "labels": [["joy"], ["annoyance", "disappointment"]]},
                {"text": HOSTILE, "labels": [["anger"], ["anger", "surprise"], []]},
            ],
        },
        "dropped": {"train": 12},
        "moved": 7,
    }


def split_statistics(
    labels: Sequence[str], targets: NDArray[np.int64], rng: np.random.Generator, *, rated: bool
) -> dict[str, Any]:
    """One split's entry in `statistics.json` with every key that there is."""
    rows = len(targets)
    together = targets.T @ targets
    sizes, counts = np.unique(targets.sum(axis=1), return_counts=True)
    words = np.clip(rng.gamma(3.2, 4.2, rows), 1, 60).round()
    return {
        "rows": rows,
        "label_counts": dict(zip(labels, together.diagonal().tolist(), strict=True)),
        "cooccurrence": together.tolist(),
        "labels_per_text": dict(zip(map(str, sizes), counts.tolist(), strict=True)),
        "length_characters": profile((5.3 * words).round()),
        "length_words": profile(words),
        "length_tokens": profile((1.25 * words).round()),
        "tokens": {
            "total": 14 * rows,
            "unknown": rows // 50,
            "unknown_rate": 0.0014,
            "coverage": 0.9986,
            "average_length": 4.21,
            "top_unknown": [
                {"word": "🫠", "count": 41},
                {"word": "ꙮ", "count": 7},
                {"word": HOSTILE, "count": 1},
            ],
        },
        "scripts": {"Latin": rows - 60, "Cyrillic": 21, "Hebrew": 14, "Han": 9, "none": 16},
        "languages": {"sample": 2000, "counts": {"en": 1913, "de": 22, "es": 19, "fr": 17, "nl": 29}},
        "emoji": {
            "texts": rows // 20,
            "share": 0.05,
            "top": [{"emoji": sign, "count": 400 - 40 * at} for at, sign in enumerate("😂🙄😭👍😊🔥")],
        },
        "annotators": _annotators(labels, rows) if rated else None,
        "approximations": {
            "text": {"unique": rows - 40, "unique_95": [rows - 90, rows], "count_max_error": 12}
        },
    }


def _annotators(labels: Sequence[str], rows: int) -> dict[str, Any]:
    return {
        "texts": rows,
        "raters": 3 * rows,
        "mean_disagreement": 0.287,
        "krippendorff_alpha": 0.312,
        "by_label": {
            label: {"share_of_votes": 0.3 / (1 + at), "disagreement": 0.02 * (at % 9) + 0.05}
            for at, label in enumerate(labels)
        },
    }


def profile(values: NDArray[np.float64]) -> dict[str, Any]:
    """A profile as in `statistics.json`."""
    counts, edges = np.histogram(values, bins=20)
    return {
        "min": float(values.min()),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "p95": float(np.quantile(values, 0.95)),
        "max": float(values.max()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def write_shards(examples: Examples, labels: Sequence[str]) -> None:
    """A shard of a few texts for each split; the labels take turns."""
    for split in ROWS:
        examples.split_dir(split).mkdir(parents=True)
        records = [
            encode_example({"id": [f"{split}:{row}"], "text": [text], "labels": [labels[row % len(labels)]]})
            for row, text in enumerate(TEXTS * 4)
        ]
        write_records(examples.split_dir(split) / "examples-00000-of-00001.tfrecord.gz", records)


def write_protos(statistics: ExampleStatistics, splits: Mapping[str, Any]) -> None:
    """`FeatureStats.pb` of every split: a text, a label list, and a weight that some texts miss."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    for split, document in splits.items():
        rows = document["rows"]
        proto = statistics_pb2.DatasetFeatureStatistics(name=split, num_examples=rows)
        kinds = statistics_pb2.FeatureNameStatistics
        text = proto.features.add(name="text", type=kinds.STRING)
        _presence(text.string_stats.common_stats, rows, 0, most=1)
        text.string_stats.unique = rows - 40
        text.string_stats.avg_length = 68.4
        for value, count in (("Thank you!", 13), (HOSTILE, 4)):
            text.string_stats.top_values.add(value=value, frequency=count)
        _fill(text.custom_stats.add(name="length_words").histogram, document["length_words"])
        labels = proto.features.add(name="labels", type=kinds.STRING)
        _presence(labels.string_stats.common_stats, rows, 0, most=4)
        labels.string_stats.unique = len(document["label_counts"])
        weight = proto.features.add(name="weight", type=kinds.FLOAT)
        _presence(weight.num_stats.common_stats, rows - 100, 100, most=1)
        weight.num_stats.mean, weight.num_stats.max, weight.num_stats.median = 0.75, 2.0, 0.5
        _fill(weight.num_stats.histograms.add(), {"histogram": {"edges": [0, 1, 2], "counts": [70, 30]}})
        statistics.stats_path(split).parent.mkdir(parents=True)
        content = statistics_pb2.DatasetFeatureStatisticsList(datasets=[proto])
        statistics.stats_path(split).write_bytes(content.SerializeToString())


def _presence(common: Any, present: int, missing: int, *, most: int) -> None:
    common.num_non_missing, common.num_missing, common.tot_num_values = present, missing, present
    common.min_num_values, common.max_num_values, common.avg_num_values = 1, most, 1.0


def _fill(histogram: Any, document: Mapping[str, Any]) -> None:
    edges = document["histogram"]["edges"]
    for low, high, count in zip(edges, edges[1:], document["histogram"]["counts"], strict=False):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)


def anomalies(severity: str) -> list[dict[str, str]]:
    """One of three kinds; `severity` is that of the first."""
    return [
        {
            "split": "test",
            "feature": "labels",
            "type": "COMPARATOR_L_INFTY_HIGH",
            "severity": severity,
            "message": "the share of 'joy' differs from train by 0.031, more than 0.03",
        },
        {
            "split": "test",
            "feature": "text",
            "type": "TEXT_IN_TWO_SPLITS",
            "severity": "WARNING",
            "message": "37 texts stand in train, too",
        },
        {
            "split": "train",
            "feature": "(all)",
            "type": "SOMETHING_NEW_HIGH",
            "severity": "WARNING",
            "message": "what this is only its message tells",
        },
    ]
