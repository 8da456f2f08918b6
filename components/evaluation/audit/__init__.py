"""The label audit: which rows bear labels that their texts speak against, told by models that never saw them."""
