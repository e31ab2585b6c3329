"""What MLflow shows after a projection, in a form that tests compare."""

from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.tracking.collect import collect
from pipeline.tracking.projection import Summary, project
from pipeline.tracking.store import tracking_uri


def project_all(root: Path) -> Summary:
    indexes, problems = collect(root)
    assert problems == []
    return project(indexes, root)


def client_of(root: Path) -> MlflowClient:
    return MlflowClient(tracking_uri(root))


def runs_of(root: Path, experiment: str = "tiny") -> dict[str, Run]:
    """The runs by name; two of one name are an error."""
    client = client_of(root)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    runs = {run.info.run_name: run for run in found}
    assert len(runs) == len(found)
    return runs


def history(root: Path, run: Run, key: str) -> list[list]:
    metrics = client_of(root).get_metric_history(run.info.run_id, key)
    return [[metric.step, metric.timestamp, metric.value] for metric in metrics]


def describe(root: Path) -> dict[str, object]:
    """All that is shown of all runs but MLflow's own ids."""
    return {
        name: [
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            dict(run.data.params),
            dict(run.data.tags),
            {key: history(root, run, key) for key in run.data.metrics},
            [(data.dataset.name, data.dataset.digest) for data in run.inputs.dataset_inputs],
            sorted(artifact.path for artifact in client_of(root).list_artifacts(run.info.run_id)),
        ]
        for name, run in runs_of(root).items()
    }
