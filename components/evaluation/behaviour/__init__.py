"""How the model behaves where an average tells nothing: under harmless changes of a text, under negation, on plain
sentences, and when nothing changes but who a sentence is about."""
