"""The data report: what each split of each task holds, and how much of dev was seen in training."""

from collections import Counter

import numpy as np

from pipeline.data.reading import Examples
from pipeline.data.tokenizing import TokenizedSentences

Split = tuple[Examples, TokenizedSentences]


def describe_task(splits: dict[str, Split]) -> dict:
    """`{"splits": {name: ...}, "overlap": {...}}` of one task; overlap only where train and dev are given."""
    report: dict = {"splits": {name: describe_split(*split) for name, split in splits.items()}}
    if "train" in splits and "dev" in splits:
        report["overlap"] = describe_overlap(splits["train"][0], splits["dev"][0])
    return report


def describe_split(examples: Examples, tokenized: TokenizedSentences) -> dict:
    """Counts, labels, lengths in tokens ([CLS] and [SEP] included), truncation, duplicates, empty sentences."""
    lengths = np.array([len(ids) for ids in tokenized.ids] or [0])
    return {
        "num_rows": len(examples) + len(examples.unlabelled),
        "num_examples": len(examples),
        "num_labelled": len(examples.labels or []),
        "unlabelled": list(examples.unlabelled),
        "labels": None if examples.labels is None else _describe_labels(examples.labels),
        "tokens_per_sentence": {
            "mean": round(float(lengths.mean()), 2),
            "median": float(np.median(lengths)),
            "p95": round(float(np.percentile(lengths, 95)), 2),
            "max": int(lengths.max()),
        },
        "num_tokens": int(lengths.sum()),
        "num_truncated": tokenized.num_truncated,
        "num_duplicates": len(examples) - len({_key(sentences) for sentences in examples.sentences}),
        "num_duplicate_ids": len(examples) - len(set(examples.ids)),
        "num_empty_sentences": sum(not sentence.strip() for sentence in examples.flat_sentences),
    }


def describe_overlap(train: Examples, dev: Examples) -> dict:
    """How many dev examples train holds too, lower-cased and in either order; for pairs, one shared sentence also."""
    train_examples = {_key(sentences) for sentences in train.sentences}
    shared = sum(_key(sentences) in train_examples for sentences in dev.sentences)
    report = {"num_shared_examples": shared, "shared_fraction": _fraction(shared, len(dev))}
    if dev.sentences and len(dev.sentences[0]) > 1:
        train_sentences = {sentence for key in train_examples for sentence in key}
        touched = sum(any(sentence in train_sentences for sentence in _key(pair)) for pair in dev.sentences)
        report["num_sharing_a_sentence"] = touched
        report["sharing_a_sentence_fraction"] = _fraction(touched, len(dev))
    return report


def render_report(report: dict[str, dict]) -> str:
    """Markdown of `{task: describe_task(...)}`."""
    lines = ["# Data report", "", "Lengths are in tokens per sentence, [CLS] and [SEP] included.", ""]
    for task, parts in report.items():
        lines += [f"## {task}", ""]
        lines += ["| split | rows | labelled | mean | median | p95 | max | truncated | duplicates | empty |"]
        lines += ["|---|---|---|---|---|---|---|---|---|---|"]
        for name, split in parts["splits"].items():
            lengths = split["tokens_per_sentence"]
            cells = [name, f"{split['num_rows']:,}", f"{split['num_labelled']:,}"]
            cells += [f"{lengths['mean']:.1f}", f"{lengths['median']:g}", f"{lengths['p95']:g}", str(lengths["max"])]
            cells += [f"{split[key]:,}" for key in ("num_truncated", "num_duplicates", "num_empty_sentences")]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
        for name, split in parts["splits"].items():
            if split["labels"]:
                shares = ", ".join(f"{label}: {count:,}" for label, count in split["labels"]["counts"].items())
                lines.append(f"- {name} labels: {shares}; mean {split['labels']['mean']:.3f}")
            if split["unlabelled"]:
                lines.append(f"- {name} rows without a label, left out: {'; '.join(split['unlabelled'])}")
            if split["num_duplicate_ids"]:
                lines.append(f"- {name} ids that are there already: {split['num_duplicate_ids']:,}")
        lines += [*_render_overlap(parts.get("overlap")), ""]
    return "\n".join(lines)


def _render_overlap(overlap: dict | None) -> list[str]:
    if overlap is None:
        return []
    lines = [f"- dev examples also in train: {overlap['num_shared_examples']:,} ({overlap['shared_fraction']:.1%})"]
    if "num_sharing_a_sentence" in overlap:
        touched, fraction = overlap["num_sharing_a_sentence"], overlap["sharing_a_sentence_fraction"]
        lines.append(f"- dev pairs that share a sentence with train: {touched:,} ({fraction:.1%})")
    return lines


def _describe_labels(labels: list[float]) -> dict:
    """Counts per class; scores that are not whole numbers are counted in steps of one, by their whole part."""
    are_classes = all(label == int(label) for label in labels)
    names = (f"{label:g}" if are_classes else f"[{int(label)}, {int(label) + 1})" for label in sorted(labels))
    mean = round(sum(labels) / len(labels), 4) if labels else 0.0
    return {"counts": dict(Counter(names)), "mean": mean}


def _key(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The same for a pair in either order."""
    return tuple(sorted(sentence.lower() for sentence in sentences))


def _fraction(count: int, total: int) -> float:
    return round(count / total, 6) if total else 0.0
