"""When a stage need not run again: the key is made of content, never of dates or paths of artifacts."""

from pipeline.cache.changes import explain_miss
from pipeline.cache.key import external_parts, fingerprint, fingerprint_parts

__all__ = ["explain_miss", "external_parts", "fingerprint", "fingerprint_parts"]
