"""The prediction files that the course's evaluation.py and classifier.py write, at the commit that params.yaml pins.

Table 2: `<task>-<split>-output.csv` of one row; table 1: `<mode>-<task>-<split>-out.csv` of every mode. A file is a
header and a line `id , prediction ` for each example, classes of single sentences whole and all else with a point.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config.schema import Params
from pipeline.data.assemble import corpus_files, fetch_asset, list_written_tasks
from pipeline.data.reading import read_examples
from pipeline.evaluation.intact import check_model
from pipeline.evaluation.text_model import TextModel
from pipeline.files.atomic import write_text
from pipeline.runs import layout

HEADERS = {  # as the course spells them
    "sst": "Predicted_Sentiment",
    "cfimdb": "Predicted_Sentiment",
    "para": "Predicted_Is_Paraphrase",
    "sts": "Predicted_Similiary",
}


def write_submission(
    params: Params, profile: str, row: str, seed: int, splits: Iterable[str], target: Path, root: Path = Path(".")
) -> list[Path]:
    """Write the files of a phase-2 row and of all of part 1, of one seed, to the folder `target`; returns them.

    Nothing is written before all is predicted. A model that is not there is a `ValueError`, an unlabelled file of the
    course that cannot be had a `FetchError`.
    """
    if row not in params.iterations:
        raise ValueError(f"row {row!r} is unknown; allowed: {', '.join(params.iterations)}")
    splits = list(splits)
    phase = layout.AVERAGE if params.iterations[row].average else "phase2"
    wanted = [(layout.model(profile, phase, row, seed), "{task}-{split}-output.csv")]
    wanted += [
        (layout.model(profile, "part1", f"{task}_{mode}", seed), f"{mode}-{{task}}-{{split}}-out.csv")
        for mode in params.part1.modes
        for task in params.part1.tasks
    ]
    sources = {key: _find_source(params, profile, *key, root) for key in corpus_files(params, profile, tuple(splits))}
    texts = {}
    for folder, name in wanted:
        check_model(root / folder, root)
        model = TextModel(root / folder, root)
        for task in model.sentences:
            for split in splits:
                content = "".join(_render(model, task, sources[task, split]))
                texts[target / name.format(task=task, split=split)] = content
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _find_source(params: Params, profile: str, task: str, split: str, root: Path) -> Path:
    """A csv of the profile; one of the course that is not in its corpus, as the unlabelled ones, is fetched."""
    name = corpus_files(params, profile, (split,))[task, split]
    path = root / layout.corpus(profile) / name
    if not path.is_file() and task not in list_written_tasks(params.profiles[profile]):
        path = root / layout.WORK / "test" / name
        fetch_asset(params, name, path, root)
    return path


def _render(model: TextModel, task: str, source: Path) -> Iterator[str]:
    examples = read_examples(source, model.sentences[task], None, None)
    predictions = model.predict(task, examples.sentences)
    is_class = len(model.sentences[task]) == 1
    yield f"id \t {HEADERS.get(task, f'Predicted_{task}')} \n"
    for name, prediction in zip(examples.ids, predictions, strict=True):
        yield f"{name} , {int(prediction) if is_class else prediction} \n"
