"""The search: Optuna asks for trials, workers train them, the pruner ends those that fall behind."""

import time
from dataclasses import dataclass

from pipeline.engine.parallel import Running, Workers, read_last_lines
from pipeline.files.digest import derive_seed
from pipeline.files.owner import own
from pipeline.reporting.text_tables import render_terminal
from pipeline.sweep.space import Number
from pipeline.sweep.trials import Sweep

try:
    import optuna
    from optuna.trial import FrozenTrial, Trial, TrialState
except ImportError:
    raise ValueError("a sweep needs Optuna: pip install -r requirements-sweep.txt") from None

WORKER = "pipeline.sweep.trial"  # the module of a trial's process
SECONDS_BETWEEN_LOOKS = 0.5
NUM_SHOWN = 10
STATUSES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "killed", TrialState.FAIL: "failed"}  # of their records


@dataclass
class Going:
    """A trial that a worker trains; `num_reported` epochs of its last leg are known to the pruner."""

    trial: Trial
    running: Running
    num_epochs: int
    num_reported: int


def search(sweep: Sweep, num_trials: int, workers: Workers, command: str) -> str:
    """Train until there are so many trials, those of earlier calls among them; what is to be said of them."""
    with own(sweep.folder):
        sweep.begin(command)
        found = Search(sweep, workers)
        found.run(num_trials)
    return found.describe()


class Search:
    """A sweep's trials, kept in study.db in its folder.

    What the sampler draws depends on the seed, the trial's number and the trials that have ended by then: so with one
    worker a search that was interrupted goes on as if it had not been.
    """

    def __init__(self, sweep: Sweep, workers: Workers) -> None:
        self._sweep, self._workers = sweep, workers
        self._going: list[Going] = []
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=f"sqlite:///{sweep.folder / 'study.db'}", study_name="sweep", load_if_exists=True,
            direction="maximize", pruner=optuna.pruners.MedianPruner(),
        )  # fmt: skip

    def run(self, num_trials: int) -> None:
        """The workers of trials that have not ended are stopped in any case."""
        trials = self._study.trials
        left = [(one.number, one._trial_id) for one in trials if one.state == TrialState.RUNNING]
        left += [(number, None) for number in range(len(trials), num_trials)]
        try:
            while left or self._going:
                while left and self._workers.has_room(len(self._going)):
                    self._start(*left.pop(0))
                time.sleep(SECONDS_BETWEEN_LOOKS)
                for going in list(self._going):
                    self._look(going)
        finally:
            self._workers.stop([going.running for going in self._going])

    def _start(self, number: int, trial_id: int | None) -> None:
        """Begin a new trial, or go on with the one of this id, whose process is gone."""
        self._study.sampler = optuna.samplers.TPESampler(seed=derive_seed("sweep", self._sweep.seed, number) % 2**32)
        trial = self._study.ask() if trial_id is None else Trial(self._study, trial_id)
        for one in self._sweep.ranges:
            suggest = trial.suggest_int if one.is_whole else trial.suggest_float
            suggest(one.key, one.low, one.high, log=one.is_log)
        found = self._study.trials[number]
        task = self._sweep.write(number, self._round(found))
        num_epochs = task.spec["schedule"][-1]["epochs"]
        self._going.append(Going(trial, self._workers.start(task), num_epochs, len(found.intermediate_values)))

    def _look(self, going: Going) -> None:
        """Tell the pruner what is new of a trial; end it where the pruner says so, or its process has ended."""
        is_done = going.running.poll()  # asked first: then all of its events are there
        scores, _ = self._sweep.read(going.trial.number)
        for epoch in range(going.num_reported + 1, len(scores) + 1):
            going.trial.report(scores[epoch - 1], epoch)
            going.num_reported = epoch
            if epoch < going.num_epochs and going.trial.should_prune():
                self._workers.stop([going.running])
                return self._end(going, TrialState.PRUNED)
        if is_done is not None:
            self._end(going, TrialState.COMPLETE if is_done else TrialState.FAIL, max(scores) if is_done else None)

    def _end(self, going: Going, state: TrialState, score: float | None = None) -> None:
        number = going.trial.number
        self._going.remove(going)
        self._sweep.close(number, STATUSES[state])
        self._study.tell(going.trial, score, state)
        for path in self._sweep.find(number).glob("*checkpoint*"):  # one that was just written has a hidden name
            path.unlink()
        value = self._study.trials[number].value
        why = f":\n{read_last_lines(going.running.log)}" if value is None else f" {value:.4f}"
        print(f"trial {number} {state.name.lower()}{why}", flush=True)

    def _round(self, trial: FrozenTrial) -> dict[str, Number]:
        return {one.key: one.round(trial.params[one.key]) for one in self._sweep.ranges}

    def describe(self) -> str:
        """The best trials as a table, and the best one's row; a `ValueError` where none is complete."""
        trials = self._study.trials
        best = sorted((one for one in trials if one.state == TrialState.COMPLETE), key=lambda one: -one.value)
        counts = ", ".join(f"{sum(one.state == state for one in trials)} {state.name.lower()}" for state in STATUSES)
        if not best:
            raise ValueError(f"{self._sweep.folder}: no trial is complete ({counts})")
        header = ["trial", "selection", *(one.key for one in self._sweep.ranges)]
        numbers = [map(str, self._round(one).values()) for one in best[:NUM_SHOWN]]
        lines = [[str(one.number), f"{one.value:.4f}", *tried] for one, tried in zip(best, numbers, strict=False)]
        choice = f"trial {best[0].number}, the best of {len(trials)} on examples held out of training"
        row = self._sweep.write_row(self._round(best[0]), f"{self._sweep.row} with the numbers of {choice}.")
        return (
            f"\n{len(trials)} trials ({counts}), by their score on examples held out of training:\n"
            f"{render_terminal(header, lines, ())}\n\n{row}\nThe best of {len(trials)} is best by luck too: "
            f"run this row with seeds other than {self._sweep.seed}, against its control."
        )
