from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.lineage.layout import lay_out

PIPELINE = [
    ("file", "example_gen"),
    ("example_gen", "statistics_gen"),
    ("statistics_gen", "schema_gen"),
    ("statistics_gen", "example_validator"),
    ("schema_gen", "example_validator"),
    ("example_gen", "example_validator"),
    ("encoder", "transform"),
    ("example_gen", "transform"),
    ("transform", "trainer"),
    ("trainer", "evaluator"),
    ("example_gen", "evaluator"),
    ("trainer", "saved_model"),
    ("trainer", "tflite"),
    ("saved_model", "pusher"),
    ("tflite", "pusher"),
]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    count = draw(st.integers(1, 14))
    nodes = [f"n{number}" for number in range(count)]
    pairs = list(combinations(nodes, 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    sizes = {
        node: (draw(st.sampled_from([60.0, 200.0])), draw(st.sampled_from([40.0, 74.0]))) for node in nodes
    }
    return sizes, edges


@given(graphs())
def test_nodes_do_not_touch_and_edges_go_down_between_what_they_join(graph):
    sizes, edges = graph
    layout = lay_out(sizes, edges)
    boxes = {node: (x, y, x + sizes[node][0], y + sizes[node][1]) for node, (x, y) in layout.corners.items()}
    for (_, a), (_, b) in combinations(boxes.items(), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
    assert all(x0 >= -1e-6 and x1 <= layout.width + 1e-6 for x0, _, x1, _ in boxes.values())
    assert all(y0 >= 0 and y1 <= layout.height + 1e-6 for _, y0, _, y1 in boxes.values())
    for (start, end), route in layout.routes.items():
        assert route[0][1] == boxes[start][3]
        assert route[-1][1] == boxes[end][1]
        assert boxes[start][0] < route[0][0] < boxes[start][2]
        assert boxes[end][0] < route[-1][0] < boxes[end][2]
        assert all(y < to_y or (x, y) == (to_x, to_y) for (x, y), (to_x, to_y) in pairwise(route[::2]))
        for x, y in route[1:-1]:
            assert not any(left < x < right and top < y < low for left, top, right, low in boxes.values())


def test_the_pipelines_graph_has_few_crossings_and_its_inputs_stand_where_they_are_read():
    sizes = dict.fromkeys(dict.fromkeys(node for edge in PIPELINE for node in edge), (200.0, 74.0))
    layout = lay_out(sizes, PIPELINE)
    assert layout.corners["encoder"][1] == layout.corners["example_gen"][1]
    assert layout.width < 1100
    assert layout.height < 900
