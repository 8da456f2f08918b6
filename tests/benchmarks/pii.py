"""Cleaning and PII masking: precision and recall by kind on the labelled sentences, CPU time a row on GoEmotions.

    python -m tests.benchmarks.pii [--shared-data DIR] [--show]

With `--show`, every masked place of GoEmotions' train split is printed with what surrounds it, to be judged by eye.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from components.data.ingestion.cleaning import Cleaning
from components.data.ingestion.text_preparation import TextPreparation, prepare_with
from components.data.pii.kinds import PiiKind
from components.data.pii.settings import Pii
from tests.components.data.pii.corpus import labelled_sentences


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--show", action="store_true", help="print every masked place")
    arguments = parser.parse_args()
    preparation = prepare_with(Cleaning(), Pii())
    report_quality(preparation)
    path = arguments.shared_data / "goemotions" / "train.tsv"
    texts = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]
    report_speed(preparation, texts)
    report_places(preparation, texts, show=arguments.show)


def report_quality(preparation: TextPreparation) -> None:
    """Prints precision and recall of every kind; a place counts if its kind and both ends are right."""
    found: Counter[PiiKind] = Counter()
    labelled: Counter[PiiKind] = Counter()
    both: Counter[PiiKind] = Counter()
    for text, spans in labelled_sentences():
        here = preparation.masker.find(text)
        found.update(span.kind for span in here)
        labelled.update(span.kind for span in spans)
        both.update(span.kind for span in set(here) & set(spans))
    print(f"{'kind':12} labelled precision recall")
    for kind in PiiKind:
        if labelled[kind]:
            precision, recall = both[kind] / found[kind], both[kind] / labelled[kind]
            print(f"{kind:12} {labelled[kind]:8} {precision:9.3f} {recall:6.3f}")


def report_speed(preparation: TextPreparation, texts: Sequence[str]) -> None:
    """Prints CPU microseconds a text, of all and of those that the first look passes over."""
    mask, clean = preparation.masker.mask, preparation.cleaner.clean
    plain = [
        text
        for text in texts
        if text.isascii() and not any(character in "@/.0123456789" for character in text)
    ]
    print(f"cleaning            {microseconds(clean, texts):6.2f} µs a text")
    print(f"masking             {microseconds(mask, texts):6.2f} µs a text")
    print(f"cleaning + masking  {microseconds(preparation.prepare, texts):6.2f} µs a text")
    print(
        f"masking, no digit, @, / or full stop: {microseconds(mask, plain):6.2f} µs a text ({len(plain)} texts)"
    )


def microseconds(function: Callable[[str], object], texts: Sequence[str]) -> float:
    """CPU time of a call, the best of five rounds."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for text in texts:
            function(text)
        rounds.append(time.process_time() - start)
    return min(rounds) / len(texts) * 1e6


def report_places(preparation: TextPreparation, texts: Sequence[str], *, show: bool) -> None:
    """Prints how many places of each kind are masked, and on request all of them."""
    counts: Counter[str] = Counter()
    for text in map(preparation.cleaner.clean, texts):
        for span in preparation.masker.find(text):
            counts[span.kind] += 1
            if show:
                around = text[max(0, span.start - 30) : span.end + 30]
                print(f"{span.kind:12} {text[span.start : span.end]:30} … {around} …")
    masked = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    print(f"masked in {len(texts):,} texts: {masked}")


if __name__ == "__main__":
    main()
