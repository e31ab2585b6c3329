"""A profile's csv files to token files and the data report."""

from pathlib import Path

from pipeline.config.params import choose_profile
from pipeline.config.schema import Params, Task
from pipeline.data.assemble import SPLITS, corpus_files
from pipeline.data.data_record import record_data_stage
from pipeline.data.reading import LabelRange, read_examples
from pipeline.data.report import describe_task, render_report
from pipeline.data.token_files import make_token_set, write_tokens
from pipeline.data.tokenizing import Tokenizer
from pipeline.files.atomic import atomic_folder, write_json, write_text
from pipeline.files.digest import hash_folder
from pipeline.runs import layout


def encode_text(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.tokens`, results/<profile>/data.{json,md} and the record of the stage."""
    max_length = choose_profile(params, profile).data.max_length
    tokenizer = Tokenizer(root / layout.encoder(profile) / "vocab.txt", max_length)
    files = corpus_files(params, profile, SPLITS)
    report, num_examples = {}, {}
    with atomic_folder(root / layout.tokens(profile)) as folder:
        for name, task in params.tasks.items():
            splits = {}
            for split in SPLITS:
                path = root / layout.corpus(profile) / files[name, split]
                examples = read_examples(path, task.sentences, task.label, make_label_range(task))
                tokenized = tokenizer.tokenize(examples.flat_sentences, task.cleaning)
                token_set = make_token_set(tokenized.ids, examples.labels, examples.ids, len(task.sentences))
                write_tokens(folder / name / split, token_set)
                splits[split] = examples, tokenized
                num_examples[name, split] = len(examples)
            report[name] = describe_task(splits)
    results = layout.results(profile)
    write_json(root / results / "data.json", report)
    write_text(root / results / "data.md", render_report(report))
    with record_data_stage(profile, "tokenize", [hash_folder(root / layout.tokens(profile))], root) as log:
        log.params({"max_length": max_length, "cleaning": {name: task.cleaning for name, task in params.tasks.items()}})
        for (name, split), count in num_examples.items():
            path = layout.tokens(profile) / name / split
            log.dataset(f"{name}-{split}", hash_folder(root / path), path.as_posix(), count, split)
        log.artifact(results / "data.json")
        log.artifact(results / "data.md")


def make_label_range(task: Task) -> LabelRange:
    """What the task's row allows as a label."""
    if task.num_classes is not None:
        return LabelRange(0, task.num_classes - 1, integer=True)
    minimum, maximum = task.label_range
    return LabelRange(minimum, maximum, integer=False)
