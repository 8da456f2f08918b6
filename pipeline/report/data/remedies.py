"""What each type of anomaly is called in plain words, and what a person can do about it."""

__all__ = ["anomaly_title", "remedy"]

_REMEDIES = {
    "SPLIT_MISSING": (
        "Split missing",
        "Add its file, name the files after their splits, or have the rows dealt by hash (`split_shares`).",
    ),
    "SPLIT_EMPTY": (
        "Split without texts",
        "Check its source and the dead letters: every row may have been refused.",
    ),
    "DATASET_LOW_NUM_EXAMPLES": (
        "Few texts",
        "Add texts; until then read every figure on this split with its interval.",
    ),
    "DATASET_HIGH_NUM_EXAMPLES": (
        "More texts than expected",
        "Check that no source was read twice; else raise the limit.",
    ),
    "COMPARATOR_LOW_NUM_EXAMPLES": (
        "Fewer texts than before",
        "Check that no source file is missing or was cut short since the last run.",
    ),
    "COMPARATOR_HIGH_NUM_EXAMPLES": (
        "More texts than before",
        "Check that no source file was read twice; if the data grew, raise the limit.",
    ),
    "COMPARATOR_CONTROL_DATA_MISSING": (
        "Nothing to compare with",
        "Name a baseline that exists, or switch the comparison off: without it drift goes unseen.",
    ),
    "COMPARATOR_L_INFTY_HIGH": (
        "Shares differ",
        "See which labels below; if the world changed, train on newer texts, else check how the split was drawn.",
    ),
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": (
        "Distributions differ",
        "Compare the lengths, scripts and labels below; if the world changed, train on newer texts.",
    ),
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": (
        "Frequencies differ",
        "Compare the most frequent values; if the source changed, update the schema.",
    ),
    "SCHEMA_MISSING_COLUMN": (
        "Column missing",
        "Check the column names in the configuration, or curate the schema.",
    ),
    "SCHEMA_NEW_COLUMN": ("Column not in the schema", "Add it to `schema.pbtxt` if it is wanted."),
    "UNEXPECTED_DATA_TYPE": (
        "Wrong type",
        "Check the column's source, or correct its type in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": (
        "Value often missing",
        "Fill the gaps in the source, or lower `presence` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": (
        "Value present too rarely",
        "Fill the gaps in the source, or lower `presence` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_NOT_PRESENT": (
        "Value never present",
        "Check the column's name, or remove it from the schema.",
    ),
    "FEATURE_TYPE_LOW_NUMBER_VALUES": (
        "Too few values in a row",
        "Label those rows, or lower `value_count` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": (
        "Too many values in a row",
        "Check the separator between labels, or raise `value_count` in `schema.pbtxt`.",
    ),
    "FEATURE_TYPE_LOW_UNIQUE": (
        "Too few different values",
        "Check that the source was not cut or filled with a default.",
    ),
    "FEATURE_TYPE_HIGH_UNIQUE": (
        "Too many different values",
        "Check for misspelled values, or raise the limit in the schema.",
    ),
    "FEATURE_TYPE_NO_UNIQUE": ("No values to count", "Check the column's source."),
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": (
        "Values outside the domain",
        "Correct them in the source, map them (`label_mapping`), or add them to the domain in `schema.pbtxt`.",
    ),
    "ENUM_TYPE_INVALID_UTF8": (
        "Broken UTF-8",
        "Name the file's real encoding in the configuration, or save it as UTF-8.",
    ),
    "LABEL_WITHOUT_EXAMPLES": (
        "Label without texts",
        "Add texts that have it, or take it off the label list: it cannot be learned.",
    ),
    "RARE_LABEL": ("Rare label", "Add texts, or map it to a broader label (`label_mapping`)."),
    "TEXT_IN_TWO_SPLITS": (
        "Leaked texts",
        "Drop duplicates or have the rows dealt by hash: a model that saw a test text looks better than it is.",
    ),
}


def anomaly_title(kind: str) -> str:
    """`COMPARATOR_L_INFTY_HIGH` as a person would say it."""
    known = _REMEDIES.get(kind)
    return known[0] if known else kind.replace("_", " ").capitalize()


def remedy(kind: str) -> str | None:
    """What to do about it; None for a type that explains itself in its message."""
    known = _REMEDIES.get(kind)
    return known[1] if known else None
