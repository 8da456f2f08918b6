"""Names, types and shapes of the features that the stages hand to each other in tf.Example records."""

__all__ = [
    "CONTEXT",
    "GROUP",
    "ID",
    "LABELS",
    "LABEL_IDS",
    "SEGMENT_IDS",
    "SLICE_PREFIX",
    "TARGETS",
    "TARGET_PREFIX",
    "TEXT",
    "TOKEN_IDS",
    "VOTE_COUNTS",
    "VOTE_LABELS",
    "WEIGHT",
]

ID = "id"
"""bytes [1]: the row's id, given or `<file name>:<row number>`."""

TEXT = "text"
"""bytes [1]: UTF-8, as in the source (the canonical cleaning belongs to the tokenizer, so that it is served too)."""

CONTEXT = "context"
"""bytes [0 or 1]: UTF-8 text before the utterance."""

LABELS = "labels"
"""bytes [any]: label names, in the order of the label list; none is allowed (no label applies)."""

VOTE_LABELS = "votes/labels"
"""bytes [any]: labels that raters gave, in the order of the label list; absent where raters are not told apart."""

VOTE_COUNTS = "votes/counts"
"""int64 [any]: how many raters gave each of `votes/labels`, at least 1."""

GROUP = "group"
"""bytes [0 or 1]: rows of one group stay in one split."""

WEIGHT = "weight"
"""float [0 or 1]: weight of the example in the loss; 1 if absent."""

SLICE_PREFIX = "slice/"
"""bytes [0 or 1] each: `slice/<column>`, a value by which the evaluation is broken down."""

TARGET_PREFIX = "target/"
"""float [0 or 1] each: `target/<column>`, a number that regression learns; absent where it is not known."""

TOKEN_IDS = "token_ids"
"""int64 [tokens]: WordPiece ids with [CLS] and [SEP], at most `max_tokens`, not padded."""

SEGMENT_IDS = "segment_ids"
"""int64 [tokens]: 0 up to the [SEP] after the context, then 1; absent where texts stand alone."""

LABEL_IDS = "label_ids"
"""int64 [any]: positions of the example's labels in the label list, ascending."""

TARGETS = "targets"
"""float [targets]: the example's numbers in the order of the target list, NaN where not known; absent without any."""
