"""The written files as Facets reads them, by its own feature_statistics.proto (PAIR-code/facets, version 1.1.1).

facets-overview itself asks for another protobuf than TensorFlow, so the messages are built from the proto's fields.
"""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.components.data_stages import generate, profile, write

MESSAGES = """
DatasetFeatureStatisticsList 1:datasets:*DatasetFeatureStatistics
Path 1:step:*string
DatasetFeatureStatistics 1:name:string 2:num_examples:uint64 4:weighted_num_examples:double
    3:features:*FeatureNameStatistics
FeatureNameStatistics 1:name:string 8:path:Path 2:type:int32 3:num_stats:NumericStatistics
    4:string_stats:StringStatistics 5:bytes_stats:BytesStatistics 7:struct_stats:StructStatistics
    6:custom_stats:*CustomStatistic
WeightedCommonStatistics 1:num_non_missing:double 2:num_missing:double 3:avg_num_values:double 4:tot_num_values:double
CustomStatistic 1:name:string 2:num:double 3:str:string 4:histogram:Histogram 5:rank_histogram:RankHistogram
NumericStatistics 1:common_stats:CommonStatistics 2:mean:double 3:std_dev:double 4:num_zeros:uint64 5:min:double
    6:median:double 7:max:double 8:histograms:*Histogram 9:weighted_numeric_stats:WeightedNumericStatistics
StringStatistics 1:common_stats:CommonStatistics 2:unique:uint64 3:top_values:*FreqAndValue 4:avg_length:float
    5:rank_histogram:RankHistogram 6:weighted_string_stats:WeightedStringStatistics
FreqAndValue 2:value:string 3:frequency:double
WeightedNumericStatistics 1:mean:double 2:std_dev:double 3:median:double 4:histograms:*Histogram
WeightedStringStatistics 1:top_values:*FreqAndValue 2:rank_histogram:RankHistogram
BytesStatistics 1:common_stats:CommonStatistics 2:unique:uint64 3:avg_num_bytes:float 4:min_num_bytes:float
    5:max_num_bytes:float
StructStatistics 1:common_stats:CommonStatistics
CommonStatistics 1:num_non_missing:uint64 2:num_missing:uint64 3:min_num_values:uint64 4:max_num_values:uint64
    5:avg_num_values:float 8:tot_num_values:uint64 6:num_values_histogram:Histogram
    7:weighted_common_stats:WeightedCommonStatistics 9:feature_list_length_histogram:Histogram
Histogram 1:num_nan:uint64 2:num_undefined:uint64 3:buckets:*Bucket 4:type:int32 5:name:string
Bucket 1:low_value:double 2:high_value:double 4:sample_count:double
RankHistogram 1:buckets:*RankBucket 2:name:string
RankBucket 1:low_rank:uint64 2:high_rank:uint64 4:label:string 5:sample_count:double
"""


@pytest.fixture(scope="module")
def facets_list():
    """The class `DatasetFeatureStatisticsList` of Facets."""
    file = descriptor_pb2.FileDescriptorProto(name="facets.proto", package="facets", syntax="proto3")
    for line in MESSAGES.replace("\n    ", " ").strip().splitlines():
        name, *fields = line.split()
        message = file.message_type.add(name=name)
        for field in fields:
            number, title, kind = field.split(":")
            added = message.field.add(name=title, number=int(number), label=3 if kind[0] == "*" else 1)
            kind = kind.removeprefix("*")
            if kind[0].isupper():
                added.type, added.type_name = added.TYPE_MESSAGE, f".facets.{kind}"
            else:
                added.type = getattr(added, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("facets.DatasetFeatureStatisticsList"))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    directory = tmp_path_factory.mktemp("facets")
    rows = "".join(
        f"text {number % 7},{'joy' if number % 3 else ''},{number / 8},en\n" for number in range(40)
    )
    splits = {"train": write(directory / "train.csv", f"text,labels,weight,lang\n{rows}")}
    examples = generate(directory, splits=splits, columns={"weight": "weight", "slices": ["lang"]})
    return profile(directory, examples).stats_path("train").read_bytes()


def numbers(message, path=""):
    """Every value that Facets knows, by where it stands."""
    for field, value in message.ListFields():
        values = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
        for index, item in enumerate(values):
            where = f"{path}/{field.name}[{index}]"
            if hasattr(item, "ListFields"):
                yield from numbers(item, where)
            else:
                yield where, item


def test_facets_reads_the_numbers_that_were_written(facets_list, content):
    written = dict(numbers(statistics_pb2.DatasetFeatureStatisticsList.FromString(content)))
    read = dict(numbers(facets_list.FromString(content)))
    assert read.items() <= written.items()
    unknown = {where.split("/")[-1].split("[")[0] for where in written.keys() - read.keys()}
    assert all(
        "presence_and_valency_stats" in where or "invalid_utf8_count" in where
        for where in written.keys() - read.keys()
    ), unknown
    assert len(read) > 100
    assert (
        "/datasets[0]/features[3]/string_stats[0]/weighted_string_stats[0]/top_values[0]/frequency[0]" in read
    )
