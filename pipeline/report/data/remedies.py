"""What each type of anomaly is called in plain words, and what a person can do about it."""

__all__ = ["anomaly_title", "remedy"]

_REMEDIES = {
    # splits
    "SPLIT_MISSING": (
        "Split missing",
        "Add its file, name the files after their splits, or have the rows dealt by hash (`split_shares`).",
    ),
    "SPLIT_EMPTY": (
        "Split without texts",
        "Check its source and the dead letters: every row may have been refused.",
    ),
    "SPLIT_SIZE_CHANGED": (
        "Split of another size than configured",
        "See the nearly equal texts below; if they need not stay together, set `duplicates.near: false`.",
    ),
    "DATASET_LOW_NUM_EXAMPLES": (
        "Few texts",
        "Add texts; until then read every figure on this split with its interval.",
    ),
    "DATASET_HIGH_NUM_EXAMPLES": (
        "More texts than expected",
        "Check that no source was read twice; if the data grew, raise the limit.",
    ),
    "DEAD_LETTERS_HIGH": (
        "Many dead letters",
        "See their reasons below, and correct the source or its settings.",
    ),
    # columns
    "SCHEMA_MISSING_COLUMN": (
        "Column missing",
        "Check the column names in the configuration, or curate `schema.pbtxt`.",
    ),
    "SCHEMA_NEW_COLUMN": (
        "Column not in the schema",
        "Add it to `schema.pbtxt` if it is wanted.",
    ),
    "UNEXPECTED_DATA_TYPE": (
        "Wrong type",
        "Check the column's source, or correct its type in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_NOT_PRESENT": (
        "Value never present",
        "Check the column's name, or remove it from `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": (
        "Value often missing",
        "Fill the gaps in the source, or lower `presence` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": (
        "Value present too rarely",
        "Fill the gaps in the source, or lower `presence` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_NUMBER_VALUES": (
        "Too few values in a row",
        "Label those rows, or lower `value_count` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": (
        "Too many values in a row",
        "Check the separator between labels, or raise `value_count` in `schema.pbtxt`.",
    ),
    "INVALID_FEATURE_SHAPE": (
        "Wrong number of values",
        "Give every row as many values as `shape` in `schema.pbtxt` says, or correct it.",
    ),
    "FEATURE_TYPE_LOW_UNIQUE": (
        "Too few different values",
        "Check that the source was not cut, or filled with a default.",
    ),
    "FEATURE_TYPE_HIGH_UNIQUE": (
        "Too many different values",
        "Check for misspelled values, or raise `unique_constraints` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_NO_UNIQUE": (
        "Different values cannot be counted",
        "Remove `unique_constraints` from this column in `schema.pbtxt`.",
    ),
    "WEIGHTED_FEATURE_NAME_COLLISION": (
        "Name of a weighted column taken",
        "Give the weighted column in `schema.pbtxt` a name of its own.",
    ),
    "WEIGHTED_FEATURE_MISSING_VALUE": (
        "Weight without a value",
        "Fill in the value, or leave out the weight of those rows.",
    ),
    "WEIGHTED_FEATURE_MISSING_WEIGHT": (
        "Value without a weight",
        "Fill in the weight; 1 is neutral.",
    ),
    "WEIGHTED_FEATURE_LENGTH_MISMATCH": (
        "Weights and values differ in number",
        "Give every value one weight.",
    ),
    # values
    "ENUM_TYPE_INVALID_UTF8": (
        "Broken UTF-8",
        "Name the file's real encoding in the configuration, or save it as UTF-8.",
    ),
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": (
        "Values outside the domain",
        "Correct them in the source, map them (`label_mapping`), or add them to the domain in `schema.pbtxt`.",
    ),
    "STATS_NOT_AVAILABLE": (
        "Rule without its statistics",
        "Switch the statistics on that the schema's rule needs, or remove the rule.",
    ),
    "FEATURE_COVERAGE_TOO_LOW": (
        "Words unknown to the vocabulary",
        "See the unknown words below; add frequent ones to the vocabulary, or take an encoder for this language.",
    ),
    "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH": (
        "Words cut into small pieces",
        "Add frequent words to the vocabulary, or take an encoder for this language and domain.",
    ),
    "TEXT_TOO_LONG": (
        "Text too long to be one",
        "Look for a quotation mark that was never closed, or for documents among the texts.",
    ),
    "SEQUENCE_TOO_SHORT": (
        "Text too short",
        "Remove texts with next to nothing to read, or lower the limit.",
    ),
    "SEQUENCE_TOO_LONG": (
        "Text too long",
        "Divide long texts, or raise `max_tokens`: what is beyond it is never read.",
    ),
    "UNEXPECTED_LANGUAGE": (
        "Unexpected language",
        "Keep to the encoder's languages, or take one that knows these.",
    ),
    "UNEXPECTED_SCRIPT": (
        "Unexpected script",
        "Check the file's encoding; else take an encoder that knows the script.",
    ),
    # labels and duplicates
    "LABEL_WITHOUT_EXAMPLES": (
        "Label without texts",
        "Add texts that have it, or take it off the label list: it cannot be learned.",
    ),
    "RARE_LABEL": (
        "Rare label",
        "Add texts, or map it to a broader label (`label_mapping`).",
    ),
    "TEXT_IN_TWO_SPLITS": (
        "Leaked texts",
        "Drop duplicates, or have the rows dealt by hash: a model that saw a test text looks better than it is.",
    ),
    "NEAR_DUPLICATE_IN_TWO_SPLITS": (
        "Nearly equal texts in two splits",
        "See the pairs below; drop duplicates, or have the rows dealt by hash, which keeps such texts together.",
    ),
    "CONFLICTING_LABELS": (
        "Equal texts with different labels",
        "See the texts below and settle on one set of labels each, or remove them.",
    ),
    # comparisons
    "COMPARATOR_CONTROL_DATA_MISSING": (
        "Nothing to compare with",
        "Name a baseline that exists, or switch the comparison off: without it drift goes unseen.",
    ),
    "COMPARATOR_L_INFTY_HIGH": (
        "Shares differ",
        "See which below; if the world changed, train on newer texts, else check how the split was drawn.",
    ),
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": (
        "Distributions differ",
        "Compare lengths, scripts and labels below; if the world changed, train on newer texts.",
    ),
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": (
        "Frequencies differ",
        "Compare the most frequent values; if the source changed, update `schema.pbtxt`.",
    ),
    "COMPARATOR_LOW_NUM_EXAMPLES": (
        "Fewer texts than before",
        "Check that no source file is missing, or was cut short since the last run.",
    ),
    "COMPARATOR_HIGH_NUM_EXAMPLES": (
        "More texts than before",
        "Check that no source file was read twice; if the data grew, raise the limit.",
    ),
    "LABEL_PRIOR_SHIFT": (
        "Labels more or less frequent",
        "See by how much below; if the world changed, train on newer texts, else check how the split was drawn.",
    ),
    "LABELS_PER_TEXT_SHIFT": (
        "More or fewer labels a text",
        "Check that all texts were labelled under the same instructions.",
    ),
    "CATEGORY_SHIFT": (
        "Categories more or less frequent",
        "Check that the sources are the same mix as before, and read the slices of the evaluation.",
    ),
    "LENGTH_SHIFT": (
        "Texts longer or shorter",
        "Check that the source cuts texts as before; compare the lengths below.",
    ),
}

_FAMILIES = (
    ("BOOL_TYPE_", "No truth value", "Write 0 and 1, or correct the column's domain in `schema.pbtxt`."),
    (
        "INT_TYPE_",
        "Number outside its domain",
        "Correct it in the source, or widen `int_domain` in `schema.pbtxt`.",
    ),
    (
        "FLOAT_TYPE_",
        "Number outside its domain",
        "Correct it in the source, or widen `float_domain` in `schema.pbtxt`.",
    ),
    (
        "SEQUENCE_VALUE_",
        "Token too rare or too frequent",
        "Check the placeholders of the source, or the limit in `schema.pbtxt`.",
    ),
    ("DOMAIN_", "Rule that does not fit", "Correct the column's domain in `schema.pbtxt`."),
    ("INVALID_DOMAIN_", "Rule that does not fit", "Correct the column's domain in `schema.pbtxt`."),
)
"""Types that differ in the direction alone, which their messages tell."""


def anomaly_title(kind: str) -> str:
    """`COMPARATOR_L_INFTY_HIGH` as a person would say it."""
    title, _ = _find(kind)
    return title or kind.replace("_", " ").capitalize()


def remedy(kind: str) -> str | None:
    """What to do about it; None for a type that explains itself in its message."""
    return _find(kind)[1]


def _find(kind: str) -> tuple[str | None, str | None]:
    if kind in _REMEDIES:
        return _REMEDIES[kind]
    return next(((title, told) for start, title, told in _FAMILIES if kind.startswith(start)), (None, None))
