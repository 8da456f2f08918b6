import csv
import json
from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.core.artifacts import ExampleStatistics, TransformedExamples, TransformGraph
from components.core.errors import StageError
from components.core.filesystem import content_digest
from components.core.progress import Progress
from components.data.ingestion.cleaning import Cleaning
from components.data.ingestion.text_preparation import prepare_with
from components.data.pii.settings import Pii
from components.data.records.example_proto import decode_example, encode_example
from components.data.records.tfrecord import read_records, write_records
from components.data.statistics import dataset_statistics
from components.modeling.encoder import resolve_encoder
from components.modeling.tokenizer_specification import tokenizer_specification
from components.statistics_gen import StatisticsGenConfig, statistics_gen
from components.transform import TransformConfig, transform
from tests.components.data_stages import SHARED_DATA, generate, needs_shared_data, profile, read_split, write
from tflite.host_tokenizer import HostTokenizer

TEXTS = ["So happy!", "so HAPPY!!", "I am afraid of spiders", "meh", "Wie schön 🙂", "proud and glad"]
LABELS = ["joy", "joy", "fear", "", "joy", "joy;pride"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    directory = tmp_path_factory.mktemp("statistics_gen")
    header = "text,labels,weight,lang\n"
    train = "".join(f"{text},{labels},0.5,en\n" for text, labels in zip(TEXTS, LABELS, strict=True))
    splits = {
        "train": write(directory / "train.csv", header + train),
        "test": write(directory / "test.csv", header + "SO HAPPY!,joy,,\nnew here,fear,2,de\n"),
    }
    columns = {"weight": "weight", "slices": ["lang"]}
    return generate(directory, splits=splits, separator=";", columns=columns, rows_per_shard=2)


@pytest.fixture(scope="module")
def statistics(tmp_path_factory, examples):
    return profile(tmp_path_factory.mktemp("statistics"), examples)


def test_labels_alone_and_together(statistics):
    document = statistics.document()
    train = document["splits"]["train"]
    assert document["labels"] == ["fear", "joy", "pride"]
    assert train["rows"] == 6
    assert train["label_counts"] == {"fear": 1, "joy": 4, "pride": 1}
    assert train["cooccurrence"] == [[1, 0, 0], [0, 4, 1], [0, 1, 1]]
    assert train["labels_per_text"] == {"0": 1, "1": 4, "2": 1}


def test_lengths_are_those_of_numpy(statistics):
    train = statistics.document()["splits"]["train"]
    for name, lengths in (
        ("length_characters", [len(text) for text in TEXTS]),
        ("length_words", [len(text.split()) for text in TEXTS]),
    ):
        entry = train[name]
        assert (entry["min"], entry["max"]) == (min(lengths), max(lengths))
        assert entry["mean"] == pytest.approx(np.mean(lengths))
        assert entry["median"] == pytest.approx(np.median(lengths))
        assert entry["p95"] == pytest.approx(np.percentile(lengths, 95))
        assert (
            entry["histogram"]["counts"]
            == np.histogram(lengths, bins=entry["histogram"]["edges"])[0].tolist()
        )


def test_texts_are_described(statistics):
    train = statistics.document()["splits"]["train"]
    assert train["scripts"] == {"Latin": 6}
    assert train["languages"]["sample"] == 6
    assert train["emoji"] == {"texts": 1, "share": pytest.approx(1 / 6), "top": [{"emoji": "🙂", "count": 1}]}
    assert train["approximations"] == {}
    assert train["annotators"] is None


def test_without_an_encoder_there_are_no_tokens(statistics):
    document = statistics.document()
    assert document["tokenizer"] is None
    assert document["splits"]["train"]["tokens"] is None
    assert document["splits"]["train"]["length_tokens"] is None


def test_tokens_are_those_that_transform_makes(tmp_path, examples):
    spec = tokenizer_specification(
        resolve_encoder("tiny-random"), special_tokens=("[NAME]",), casing="auto", max_tokens=512
    )
    ids = [HostTokenizer(spec).encode(text)[1:-1] for text in TEXTS]
    flat = [index for row in ids for index in row]
    statistics = ExampleStatistics(tmp_path)
    config = StatisticsGenConfig(encoder="tiny-random", special_tokens=("[NAME]",))
    told = statistics_gen(config=config, examples=examples, statistics=statistics)
    document = statistics.document()
    train = document["splits"]["train"]
    assert document["tokenizer"] == {"encoder": "tiny-random"}
    assert train["tokens"]["total"] == len(flat)
    assert train["tokens"]["unknown"] == flat.count(spec.unknown_id) == 1
    assert train["tokens"]["top_unknown"] == [{"word": "🙂", "count": 1}]
    assert train["length_tokens"]["mean"] == pytest.approx(np.mean([len(row) for row in ids]))
    others = document["splits"]["test"]["tokens"]
    assert told["unknown tokens"] == f"{1 / (len(flat) + others['total']):.2%}"
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        statistics.stats_path("train").read_bytes()
    ).datasets
    text = next(feature for feature in dataset.features if feature.name == "text")
    tokens = statistics_pb2.NaturalLanguageStatistics()
    assert next(custom for custom in text.custom_stats if custom.name == "nl_statistics").any.Unpack(tokens)
    assert tokens.feature_coverage == pytest.approx(1 - 1 / len(flat))


@pytest.mark.parametrize("emoji", ["keep", "words", "drop"])
def test_transform_counts_the_same_tokens(tmp_path, examples, emoji):
    statistics = ExampleStatistics(tmp_path / "statistics")
    graph, transformed = TransformGraph(tmp_path / "graph"), TransformedExamples(tmp_path / "transformed")
    for artifact in (statistics, graph, transformed):
        artifact.path.mkdir()
    settings = {"encoder": "tiny-random", "special_tokens": ("[NAME]",), "emoji": emoji}
    statistics_gen(config=StatisticsGenConfig(**settings), examples=examples, statistics=statistics)
    config = TransformConfig(**settings)
    transform(config=config, examples=examples, transform_graph=graph, transformed=transformed)
    for split, told in transformed.summary()["splits"].items():
        counted = statistics.document()["splits"][split]
        assert (counted["tokens"]["total"], counted["tokens"]["unknown"]) == (
            told["tokens"],
            told["unknown_tokens"],
        )
        assert counted["length_tokens"]["max"] == told["longest"] - 2


def test_placeholders_of_personal_data_are_tokens(tmp_path):
    source = write(tmp_path / "a.csv", "text,labels\nmail me at [EMAIL] [EMAIL],joy\n")
    examples = generate(tmp_path, splits={"train": source})
    summary = {**examples.summary(), "placeholders": ["[EMAIL]"]}
    examples.summary_path.write_text(json.dumps(summary))
    statistics = ExampleStatistics(tmp_path)
    statistics_gen(
        config=StatisticsGenConfig(encoder="tiny-random"), examples=examples, statistics=statistics
    )
    tokens = statistics.document()["splits"]["train"]["tokens"]
    assert tokens["special"] == {"[EMAIL]": 2}


def test_an_encoder_that_cannot_be_had_is_told_and_stops_nothing(tmp_path, examples):
    class Told(Progress):
        lines: ClassVar[list[str]] = []

        def update(self, message):
            pass

        def log(self, message):
            self.lines.append(message)

    statistics = ExampleStatistics(tmp_path)
    config = StatisticsGenConfig(encoder="./nowhere")
    assert config.external_inputs() == ()
    statistics_gen(config=config, examples=examples, statistics=statistics, progress=Told())
    assert Told.lines[0].startswith("tokens are not counted: encoder './nowhere'")
    assert statistics.document()["tokenizer"] is None


def test_votes_of_raters(tmp_path):
    examples = generate(
        tmp_path, splits={"train": write(tmp_path / "a.csv", "text,labels\nhi,joy\nho,fear\n")}
    )
    (shard,) = examples.shards("train")
    votes = [([b"joy", b"fear"], [2, 1]), ([b"fear"], [3])]
    records = [
        encode_example({**decode_example(record), "votes/labels": labels, "votes/counts": counts})
        for record, (labels, counts) in zip(list(read_records(shard)), votes, strict=True)
    ]
    write_records(shard, records)
    annotators = profile(tmp_path, examples).document()["splits"]["train"]["annotators"]
    assert (annotators["texts"], annotators["raters"]) == (2, 6)
    assert annotators["mean_disagreement"] == pytest.approx(1 / 3)
    assert annotators["krippendorff_alpha"] == pytest.approx(1 - 5 * 2 / (36 - 4 - 16))


def test_the_protos_can_be_read(statistics):
    assert statistics.splits() == ("train", "test")
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        statistics.stats_path("train").read_bytes()
    ).datasets
    assert (dataset.name, dataset.num_examples) == ("train", 6)
    by_name = {feature.name: feature for feature in dataset.features}
    assert sorted(by_name) == ["id", "labels", "slice/lang", "text", "weight"]
    labels = by_name["labels"].string_stats
    assert [(top.value, top.frequency) for top in labels.top_values] == [
        ("joy", 4),
        ("fear", 1),
        ("pride", 1),
    ]
    assert (labels.common_stats.num_missing, labels.common_stats.max_num_values) == (1, 2)
    assert by_name["weight"].num_stats.mean == 0.5
    assert dataset.weighted_num_examples == 3.0
    assert by_name["labels"].string_stats.weighted_string_stats.top_values[0].frequency == 2.0
    assert by_name["text"].string_stats.avg_length == pytest.approx(
        np.mean([len(text.encode()) for text in TEXTS])
    )
    histograms = {custom.name: custom.histogram for custom in by_name["text"].custom_stats}
    assert sum(bucket.sample_count for bucket in histograms["length_words"].buckets) == 6


def test_missing_values_are_counted(statistics):
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        statistics.stats_path("test").read_bytes()
    ).datasets
    by_name = {feature.name: feature for feature in dataset.features}
    assert by_name["weight"].num_stats.common_stats.num_missing == 1
    assert by_name["slice/lang"].string_stats.common_stats.num_missing == 1


def test_shards_make_no_difference(tmp_path, examples, statistics):
    paths = {}
    for split in examples.splits():
        columns = ("text", "labels", "weight", "slice/lang", "id")
        with (tmp_path / f"{split}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("text", "labels", "weight", "lang", "id"))
            for example in read_split(examples, split):
                writer.writerow(";".join(map(str, example.get(name, []))) for name in columns)
        paths[split] = str(tmp_path / f"{split}.csv")
    columns = {"weight": "weight", "slices": ["lang"], "id": "id"}
    whole = generate(tmp_path, splits=paths, separator=";", columns=columns)
    assert len(examples.shards("train")) == 3
    assert len(whole.shards("train")) == 1
    again = profile(tmp_path, whole)
    assert content_digest(str(again.path)) == content_digest(str(statistics.path))


def test_an_empty_split_has_statistics_too(tmp_path):
    examples = generate(tmp_path, source=write(tmp_path / "a.csv", "text,labels\nhi,joy\n"))
    document = profile(tmp_path, examples).document()
    empty = [entry for entry in document["splits"].values() if entry["rows"] == 0]
    assert len(empty) == 2
    assert empty[0]["label_counts"] == {"joy": 0}
    assert empty[0]["length_words"]["mean"] is None


def test_a_lost_shard_is_noticed(tmp_path):
    text = "text,labels\n" + "".join(f"t{n},joy\n" for n in range(10))
    splits = {"train": write(tmp_path / "a.csv", text)}
    examples = generate(tmp_path, splits=splits, rows_per_shard=5)
    examples.shards("train")[0].unlink()
    with pytest.raises(StageError, match="split train: 10 examples were written but 5 counted"):
        profile(tmp_path, examples)


def test_batches_are_bounded_in_rows_and_bytes(tmp_path, examples, monkeypatch, statistics):
    monkeypatch.setattr(dataset_statistics, "_BATCH_BYTES", 150)
    again = profile(tmp_path, examples)
    assert content_digest(str(again.path)) == content_digest(str(statistics.path))
    records = [b"x" * 60] * 3 + [b"x" * 500, b"x"]
    assert [len(batch) for batch in dataset_statistics._batches(records)] == [3, 1, 1]


def test_records_of_another_kind_are_refused(tmp_path):
    examples = generate(tmp_path, splits={"train": write(tmp_path / "a.csv", "text,labels\nhi,joy\n")})
    write_records(examples.shards("train")[0], [encode_example({"title": ["hi"]})])
    with pytest.raises(StageError, match="record 1: no example of ExampleGen"):
        profile(tmp_path, examples)


def test_lists_are_cut_where_the_configuration_says(tmp_path, examples):
    short = ExampleStatistics(tmp_path)
    config = StatisticsGenConfig(top_values=1, rank_histogram_values=2, histogram_buckets=3)
    statistics_gen(config=config, examples=examples, statistics=short)
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        short.stats_path("train").read_bytes()
    ).datasets
    labels = next(feature for feature in dataset.features if feature.name == "labels").string_stats
    assert (len(labels.top_values), len(labels.rank_histogram.buckets), labels.unique) == (1, 2, 3)
    assert len(short.document()["splits"]["train"]["length_words"]["histogram"]["counts"]) <= 3


@needs_shared_data
@pytest.mark.shared_data
def test_goemotions_against_a_plain_count(tmp_path):
    source = SHARED_DATA / "goemotions"
    examples = generate(tmp_path, preset="goemotions", source=str(source))
    document = profile(tmp_path, examples).document()
    names = (source / "labels.txt").read_text().split()
    preparation = prepare_with(Cleaning(), Pii())
    for split, file in (("train", "train.tsv"), ("validation", "dev.tsv"), ("test", "test.tsv")):
        rows = [line.split("\t") for line in (source / file).read_text(encoding="utf-8").splitlines()]
        counts = Counter(names[int(number)] for row in rows for number in row[1].split(","))
        entry = document["splits"][split]
        assert entry["label_counts"] == {name: counts[name] for name in names}
        texts = [preparation.prepare(row[0])[0] for row in rows]
        assert entry["length_characters"]["mean"] == pytest.approx(np.mean([len(text) for text in texts]))
        assert entry["length_words"]["p95"] == pytest.approx(
            np.percentile([len(text.split()) for text in texts], 95)
        )


def test_numbers_have_statistics_each(tmp_path):
    content = "text,valence,arousal\na,1.5,3\nb,2.5,\nc,4.5,3\nd,,3\n"
    source = write(tmp_path / "a.csv", content)
    examples = generate(tmp_path, splits={"train": source}, columns={"targets": ["valence", "arousal"]})
    statistics = profile(tmp_path, examples)
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        statistics.stats_path("train").read_bytes()
    ).datasets
    by_name = {feature.name: feature for feature in dataset.features}
    valence = by_name["target/valence"]
    assert valence.type == valence.FLOAT
    numbers = valence.num_stats
    assert (numbers.common_stats.num_non_missing, numbers.common_stats.num_missing) == (3, 1)
    assert (numbers.min, numbers.max, numbers.median) == (1.5, 4.5, 2.5)
    assert numbers.mean == pytest.approx(8.5 / 3)
    assert numbers.std_dev == pytest.approx(np.std([1.5, 2.5, 4.5]))
    assert sum(bucket.sample_count for bucket in numbers.histograms[0].buckets) == 3
    assert by_name["target/arousal"].num_stats.std_dev == 0
    assert statistics.document()["splits"]["train"]["label_counts"] == {}
