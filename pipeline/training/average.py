"""What a run does that trains nothing and averages others: the record of a training, and a model where there is one."""

import shutil
from pathlib import Path

import torch

from pipeline.data.token_files import read_tokens
from pipeline.evaluation.averaging import average_weights, load_members
from pipeline.evaluation.model_schema import MEMBERS
from pipeline.evaluation.saved_model import build_model
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.runs import layout
from pipeline.runs.code import combine_digests
from pipeline.runs.run_files import Run
from pipeline.runs.versions import check_versions
from pipeline.training.run_record import log_tokens, open_log, write_training_record, write_weights


def average(run: Run, root: Path = Path(".")) -> None:
    """Write the model whose weights are the mean of the members', or of outputs their names; and the record.

    Each appears whole or not at all. Other versions of the packages than planned, and weights that are not those of the
    start file, are a `ValueError`.
    """
    check_versions(run.spec["packages"])
    spec, events = run.spec, root / layout.work(run.key) / "events.jsonl"
    params = {
        "average": spec["average"],
        "members": [f"{member['row']}-{member['seed']}" for member in spec["members"]],
        "encoder": spec["encoder"]["name"],
        "packages": spec["packages"],
        "code": combine_digests(spec["code"])[:16],
    }
    with open_log(events, run, params, torch.device("cpu")) as log:
        for name, task in spec["tasks"].items():
            log_tokens(log, run, name, "dev", read_tokens(root / task["tokens"]["dev"]).num_examples)
        if spec["average"] == "weights":
            model = build_model(spec, spec["seed"], root)
            model.load_state_dict(average_weights(load_members(run, root)))
            write_weights(run, model, log, root)
        else:
            with atomic_folder(root / layout.model(*run.place)) as folder:
                write_json(folder / MEMBERS, {"run_key": run.key, "members": run.start["members"]})
        write_training_record(run, [], log, events, root)
    shutil.rmtree(events.parent)
