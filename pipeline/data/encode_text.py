"""A profile's csv files to token files and the data report."""

from pathlib import Path

from pipeline.config.schema import Params, Task
from pipeline.config.selection import choose_profile
from pipeline.data.assemble import SPLITS, corpus_files
from pipeline.data.data_record import record_data_stage
from pipeline.data.encoders import read_encoder
from pipeline.data.reading import Examples, LabelRange, read_examples
from pipeline.data.report import describe_task, render_report
from pipeline.data.token_files import make_token_set, write_tokens
from pipeline.data.tokenizing import Tokenizer
from pipeline.files.atomic import atomic_folder, write_json, write_text
from pipeline.files.digest import hash_folder
from pipeline.runs import layout


def encode_text(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.all_tokens`, `layout.data_report` (lengths as the profile's encoder has them) and the record.

    Every encoder that download brought tokenises every task of the profile, with its own vocabulary and case.
    """
    row = choose_profile(params, profile)
    examples = read_corpus(params, profile, root)
    report, logged = {}, []
    with atomic_folder(root / layout.all_tokens(profile)) as folder:
        for encoder in sorted(path.name for path in (root / layout.encoders(profile)).iterdir()):
            files = root / layout.encoder(profile, encoder)
            lowercase = read_encoder(encoder, params.encoders[encoder], files).lowercase
            tokenizer = Tokenizer(files / "vocab.txt", row.data.max_length, lowercase)
            for name in row.tasks:
                task, splits = params.tasks[name], {}
                for split in SPLITS:
                    read = examples[name, split]
                    tokenized = tokenizer.tokenize(read.flat_sentences, task.cleaning)
                    token_set = make_token_set(tokenized.ids, read.labels, read.ids, len(task.sentences))
                    write_tokens(folder / encoder / name / split, token_set)
                    splits[split] = read, tokenized
                    title = f"{name}-{split}" if encoder == row.encoder else f"{name}-{split}-{encoder}"
                    logged.append((title, layout.tokens(profile, encoder) / name / split, len(read), split))
                if encoder == row.encoder:
                    report[name] = describe_task(splits)
    with atomic_folder(root / layout.data_report(profile)) as folder:
        write_json(folder / "data.json", report)
        write_text(folder / "data.md", render_report(report))
    with record_data_stage(profile, "tokenize", [hash_folder(root / layout.all_tokens(profile))], root) as log:
        cleaning = {name: params.tasks[name].cleaning for name in row.tasks}
        log.params({"max_length": row.data.max_length, "cleaning": cleaning})
        for title, path, count, split in logged:
            log.dataset(title, hash_folder(root / path), path.as_posix(), count, split)
        for name in ("data.json", "data.md"):
            log.artifact(layout.data_report(profile) / name)


def read_corpus(params: Params, profile: str, root: Path) -> dict[tuple[str, str], Examples]:
    """(task, split) -> its examples."""
    return {
        (name, split): read_examples(
            root / layout.corpus(profile) / file,
            params.tasks[name].sentences,
            params.tasks[name].label,
            make_label_range(params.tasks[name]),
        )
        for (name, split), file in corpus_files(params, profile, SPLITS).items()
    }


def make_label_range(task: Task) -> LabelRange:
    """What the task's row allows as a label."""
    if task.num_classes is not None:
        return LabelRange(0, task.num_classes - 1, integer=True)
    minimum, maximum = task.label_range
    return LabelRange(minimum, maximum, integer=False)
