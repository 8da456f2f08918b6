"""Does the label audit find labels that were exchanged on purpose?

Takes the GoEmotions train split, gives a share of its rows the label set of another row drawn at random (so that wrong
sets are as frequent as right ones; the drawn set differs, but may share a label with the old one), audits the planted
file with `emotion audit`, and counts how many of the planted rows stand among the listed ones. The data are noisy in
themselves: what else is listed is not wrong for that.

    python -m tests.benchmarks.label_audit [--rows 43410] [--planted 0.05] [--share 0.05] [--seed 0] [--shared-data DIR]
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from pipeline.commands.audit import AuditOptions, audit_command


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--rows", type=int, help="a random subset of so many rows; all without")
    parser.add_argument("--planted", type=float, default=0.05, help="share of the rows that get other labels")
    parser.add_argument("--share", type=float, default=0.05, help="share of the rows that the audit lists")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="label-audit-") as directory:
        measure(arguments, Path(directory))


def measure(arguments: argparse.Namespace, directory: Path) -> None:
    source = arguments.shared_data / "goemotions" / "train.tsv"
    lines, planted = plant(source.read_text(encoding="utf-8").splitlines(), arguments)
    (directory / "train.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    config = {
        "name": "label-audit",
        "root": str(directory / "root"),
        "example_gen": {"preset": "goemotions", "splits": {"train": str(directory / "train.tsv")}},
        "example_validator": {"required_splits": []},
        "transform": {"encoder": "minilm", "max_tokens": 128},
    }
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    output = directory / "audit.jsonl"
    options = AuditOptions(
        output=output,
        splits=("train",),
        folds=arguments.folds,
        top=None,
        share=arguments.share,
        seed=arguments.seed,
        force=False,
        as_json=True,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    audit_command(path, options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    listed = {json.loads(line)["id"] for line in output.read_text(encoding="utf-8").splitlines()}
    found = len(listed & planted)
    print(
        f"seed {arguments.seed}: {len(planted):,} of {len(lines):,} rows planted, {len(listed):,} listed, {found:,} of "
        f"the planted among them: recall {found / len(planted):.3f} at {arguments.share:.0%}"
    )
    # The data stages run in processes of their own.
    processes = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    peak = max(resource.getrusage(which).ru_maxrss for which in processes) / 1024
    print(
        f"{wall:.0f} s, data stages included; {cpu:.0f} CPU seconds without them; peak memory {peak:,.0f} MiB"
    )


def plant(lines: list[str], arguments: argparse.Namespace) -> tuple[list[str], set[str]]:
    """The lines with exchanged labels, and the ids of the rows that have them."""
    random = np.random.default_rng(arguments.seed)
    if arguments.rows is not None:
        chosen = np.sort(random.permutation(len(lines))[: arguments.rows])
        lines = [lines[row] for row in chosen.tolist()]
    # Columns: text, label ids, comment id.
    rows = [line.split("\t") for line in lines]
    labels = [row[1] for row in rows]
    planted = random.permutation(len(rows))[: round(arguments.planted * len(rows))]
    for row in planted.tolist():
        while (drawn := labels[random.integers(len(rows))]) == labels[row]:
            pass
        rows[row][1] = drawn
    return ["\t".join(row) for row in rows], {rows[row][2] for row in planted.tolist()}


if __name__ == "__main__":
    main()
