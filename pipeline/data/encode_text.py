"""A profile's csv files to token files and the data report."""

from pathlib import Path

from pipeline.config.schema import Params, Task
from pipeline.config.selection import choose_profile, name_published
from pipeline.data.assemble import SPLITS, find_file, list_choices
from pipeline.data.data_record import record_data_stage
from pipeline.data.encoders import read_encoder
from pipeline.data.reading import Examples, LabelRange, read_examples
from pipeline.data.report import describe_task, render_report
from pipeline.data.subset import select_listed
from pipeline.data.token_files import make_token_set, write_tokens
from pipeline.data.tokenizing import Tokenizer
from pipeline.files.atomic import atomic_folder, write_json, write_text
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout


def encode_text(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.all_tokens`, `layout.data_report` (lengths as the profile's encoder has them) and the record.

    Every encoder that download brought tokenises every task of the profile, with its own vocabulary and case.
    """
    row = choose_profile(params, profile)
    own, tokenizers = name_published(params, row.encoder), {}
    for encoder in sorted(path.name for path in (root / layout.encoders(profile)).iterdir()):
        files = root / layout.encoder(profile, encoder)
        lowercase = read_encoder(encoder, params.encoders[encoder], files).lowercase
        tokenizers[encoder] = Tokenizer(files / "vocab.txt", row.data.max_length, lowercase)
    lowercase = all(tokenizer.lowercase for tokenizer in tokenizers.values())
    corpus, keys = root / layout.corpus(profile), [(name, split) for name in row.tasks for split in SPLITS]
    examples = {key: read_split(params, profile, *key, corpus, root, lowercase) for key in keys}
    report, logged = {}, []
    with atomic_folder(root / layout.all_tokens(profile)) as folder:
        for encoder, tokenizer in tokenizers.items():
            for name in row.tasks:
                task, splits = params.tasks[name], {}
                for split in SPLITS:
                    read = examples[name, split]
                    tokenized = tokenizer.tokenize(read.flat_sentences, task.cleaning)
                    token_set = make_token_set(tokenized.ids, read.labels, read.ids, len(task.sentences))
                    write_tokens(folder / encoder / name / split, token_set)
                    splits[split] = read, tokenized
                    title = f"{name}-{split}" if encoder == own else f"{name}-{split}-{encoder}"
                    logged.append((title, layout.tokens(profile, encoder) / name / split, len(read), split))
                if encoder == own:
                    report[name] = describe_task(splits)
    with atomic_folder(root / layout.data_report(profile)) as folder:
        write_json(folder / "data.json", report)
        write_text(folder / "data.md", render_report(report))
    with record_data_stage(profile, "tokenize", [hash_folder(root / layout.all_tokens(profile))], root) as log:
        cleaning = {name: params.tasks[name].cleaning for name in row.tasks}
        subsets = {name: subset.ids for name, subset in row.data.subsets.items()}
        vocabularies = {name: hash_file(root / layout.encoder(profile, name) / "vocab.txt") for name in tokenizers}
        said = {"max_length": row.data.max_length, "cleaning": cleaning, "subsets": subsets}
        log.params(said | {"vocab_sha256": vocabularies})
        for title, path, count, split in logged:
            log.dataset(title, hash_folder(root / path), path.as_posix(), count, split)
        for name in ("data.json", "data.md"):
            log.artifact(layout.data_report(profile) / name)


def read_split(
    params: Params, profile: str, name: str, split: str, corpus: Path, root: Path, lowercase: bool = True
) -> Examples:
    """A task's examples from the folder `corpus`; of a profile's subset those that it lists (`select_listed`)."""
    task, choices = params.tasks[name], list_choices(params, profile)[name, split]
    path = find_file(corpus, choices) or corpus / choices[0]
    examples, subset = read_task_file(task, path), choose_profile(params, profile).data.subsets.get(name)
    if split == "train" and subset:
        return select_listed(examples, path, root / subset.ids, task.cleaning, lowercase)
    return examples


def read_task_file(task: Task, path: Path) -> Examples:
    """Every labelled example of a csv file of the task."""
    return read_examples(path, task.sentences, task.label, make_label_range(task))


def make_label_range(task: Task) -> LabelRange:
    """What the task's row allows as a label."""
    if task.num_classes is not None:
        return LabelRange(0, task.num_classes - 1, integer=True)
    minimum, maximum = task.label_range
    return LabelRange(minimum, maximum, integer=False)
