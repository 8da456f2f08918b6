"""Equal and nearly equal texts: found by MinHash and LSH over words, and verified by the words they share in order."""
