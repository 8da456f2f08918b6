import pytest

from components.core.errors import GraphError
from pipeline.graph import Graph
from tests.pipeline.toy_stages import PushConfig, ReadConfig, TrainConfig, push, read, toy_graph, train


def test_stages_come_in_an_order_in_which_they_can_run():
    graph = toy_graph("data")
    assert [node.name for node in graph] == ["read", "train", "judge", "push"]
    assert graph.nodes["push"].predecessors() == {"train", "judge"}


def test_a_graph_can_end_early():
    assert [node.name for node in toy_graph("data").upto("train")] == ["read", "train"]
    with pytest.raises(GraphError, match=r"no stage is called 'trian'; there are read, train, judge, push"):
        toy_graph("data").upto("trian")


def test_an_edge_between_different_types_is_refused():
    graph = Graph()
    data = graph.add(read, ReadConfig(path="data"))
    with pytest.raises(GraphError, match=r"push: input 'model' takes Model, but read.examples is Examples"):
        graph.add(push, PushConfig(), model=data["examples"])


def test_missing_unknown_and_foreign_inputs_are_refused():
    graph = Graph()
    with pytest.raises(GraphError, match=r"inputs missing: \['examples'\]"):
        graph.add(train, TrainConfig())
    elsewhere = Graph().add(read, ReadConfig(path="data"))
    with pytest.raises(GraphError, match=r"unknown: \['nonsense'\]"):
        graph.add(train, TrainConfig(), examples=elsewhere["examples"], nonsense=elsewhere["examples"])
    with pytest.raises(GraphError, match="needs read, which is not in the graph yet"):
        graph.add(train, TrainConfig(), examples=elsewhere["examples"])
    with pytest.raises(GraphError, match=r"stage read has no output 'exmaples'; it has examples"):
        elsewhere["exmaples"]


def test_a_stage_takes_its_own_config_and_stands_once():
    graph = Graph()
    with pytest.raises(GraphError, match="stage read takes a ReadConfig, not a PushConfig"):
        graph.add(read, PushConfig())
    graph.add(read, ReadConfig(path="data"))
    with pytest.raises(GraphError, match="stage read is in the graph twice"):
        graph.add(read, ReadConfig(path="data"))
