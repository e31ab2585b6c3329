"""Ranks: processes of one machine that share one training, each with its share of every task's batch.

Rank 0 is the process that trains anyway: it starts the others, and alone writes. Every rank has all weights, takes
every step, and comes to the same weights, since it gets the same sums. There is no DistributedDataParallel: a step has
a backward pass for each task, and each task's gradient is summed for itself.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from model.gradients import TaskGradients
from pipeline.files.parent import end_with_parent
from pipeline.runs.run_files import read_run
from pipeline.training.loop import EnoughSteps, Training

# Shape suffixes: n examples, K tasks, P numbers of the dense shared parameters, V words, U rows that a batch touches,
# D hidden.

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_END = 10  # for a process that was told to, or whose connection is gone


@dataclass(frozen=True)
class Ranks:
    """This process among those of a training."""

    rank: int
    size: int
    device: torch.device

    def share(self, indices_n: np.ndarray) -> np.ndarray:
        """The examples of a batch that are this rank's: none, where the batch has too few."""
        return np.array_split(indices_n, self.size)[self.rank]

    def agree(self, number: float) -> float:
        """Rank 0's number: what decides is the same on every rank, whatever its processor rounds."""
        found = torch.tensor(number, dtype=torch.float64, device=self.device)
        dist.broadcast(found, 0)
        return found.item()

    @torch.no_grad()
    def sum_(
        self, gradients: TaskGradients | None, num_tasks: int, own: list[nn.Parameter], measured: dict[str, float]
    ) -> None:
        """Put the sums over all ranks in place of the step's gradients and of what was measured.

        `gradients` has those of its first `num_tasks` tasks. `own` are the parameters outside of it: one that has no
        gradient on any rank keeps none. `measured` has the same names on every rank.
        """
        found = [*(measured[name] for name in sorted(measured)), *(parameter.grad is not None for parameter in own)]
        sums = self._sum_(torch.tensor(found, dtype=torch.float64, device=self.device)).tolist()
        measured.update(zip(sorted(measured), sums, strict=False))
        tensors = []
        for parameter, num_found in zip(own, sums[len(measured) :], strict=True):
            if num_found:
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                tensors.append(parameter.grad)
        if gradients:
            self._sum_(gradients.flat_KP[:num_tasks])
            if gradients.sparse is not None:
                self._align_rows_(gradients, num_tasks)
                tensors += [rows_UD.values() for rows_UD in gradients.rows_K[:num_tasks]]
        if tensors:
            joined = self._sum_(torch.cat([tensor.flatten() for tensor in tensors]))
            for tensor, total in zip(tensors, joined.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(total.view_as(tensor))

    def _align_rows_(self, gradients: TaskGradients, num_tasks: int) -> None:
        """Give each task the rows that any rank's batch touches, those of others alone being 0 here."""
        touched_KV = torch.zeros(num_tasks, len(gradients.sparse), dtype=torch.uint8, device=self.device)
        for touched_V, rows_UD in zip(touched_KV, gradients.rows_K, strict=False):
            touched_V[rows_UD.indices()[0]] = 1
        dist.all_reduce(touched_KV, dist.ReduceOp.MAX)
        for k, touched_V in enumerate(touched_KV):
            (places_U,), rows_UD = touched_V.nonzero(as_tuple=True), gradients.rows_K[k]
            values_UD = rows_UD.values().new_zeros(len(places_U), rows_UD.shape[1])
            values_UD[torch.searchsorted(places_U, rows_UD.indices()[0])] = rows_UD.values()
            gradients.rows_K[k] = torch.sparse_coo_tensor(
                places_U.unsqueeze(0), values_UD, rows_UD.shape, is_coalesced=True, check_invariants=True
            )

    def _sum_(self, tensor: Tensor) -> Tensor:
        dist.all_reduce(tensor)
        return tensor


@contextmanager
def start_ranks(training: Training) -> Iterator[Ranks]:
    """Start the other ranks of a training, whose rank 0 this process is within the block; they end with it.

    A rank that ends before its time is a `ChildProcessError` that names it. The threads are shared among the ranks.
    They compute on the training's device, or on a GPU each (by NCCL) where it is the first of as many.
    """
    size, device, threads = training.spec["train"]["world_size"], training.device, torch.get_num_threads()
    has_gpus = device == torch.device("cuda") and torch.cuda.device_count() >= size
    work, processes = training.checkpoint_path.parent, []
    environment = os.environ | {"BERTY_THREADS": str(max(1, threads // size)), "TQDM_DISABLE": "1"}
    with TemporaryDirectory(prefix="ranks.", dir=work) as folder:
        given = {
            "parent": os.getpid(), "folder": folder, "backend": "nccl" if has_gpus else "gloo", "size": size,
            "run": str(training.run.path), "start": str(training.run.start_path or ""), "key": training.run.key,
            "root": str(training.root), "work": str(work), "max_steps": training.max_steps or sys.maxsize,
        }  # fmt: skip
        try:
            for rank in range(1, size):
                command = [sys.executable, "-m", __spec__.name, json.dumps(given | {"rank": rank})]
                own_device = {"BERTY_DEVICE": f"cuda:{rank}" if has_gpus else str(device)}
                # A session of its own: an interrupt at the terminal reaches rank 0 alone. What goes wrong is on stderr.
                nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "start_new_session": True}
                processes.append(subprocess.Popen(command, env=environment | own_device, **nothing))
            torch.set_num_threads(max(1, threads // size))
            yield _join(given | {"rank": 0}, device, processes)
            for process in processes:  # which measure their last epoch as this one did
                process.wait()
            _name_ended(processes)
        except RuntimeError:  # a connection's end, if a rank has ended
            _name_ended(processes, SECONDS_TO_END)
            raise
        finally:
            torch.set_num_threads(threads)
            _end(processes)
            if dist.is_initialized():
                dist.destroy_process_group()


def _join(given: dict[str, Any], device: torch.device, others: list[subprocess.Popen] | None = None) -> Ranks:
    """Become a rank. Rank 0 waits for the `others`, and sees if one has ended.

    They find each other by a file, and their connections are this machine's own: nothing listens on a network.
    """
    (loopback,) = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    os.environ |= {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
    rank, size = given["rank"], given["size"]
    store = dist.FileStore(f"{given['folder']}/store", size)
    store.set(f"ready/{rank}", "")
    while others and not store.check([f"ready/{other}" for other in range(size)]):
        _name_ended(others)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    dist.init_process_group(given["backend"], store=store, rank=rank, world_size=size)
    return Ranks(rank, size, device)


def _name_ended(processes: list[subprocess.Popen], seconds: float = 0.0) -> None:
    """Raise `ChildProcessError` if a rank has ended otherwise than well, or does within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (ended := {rank: code for rank, process in enumerate(processes, 1) if (code := process.poll())}):
        if time.monotonic() >= deadline:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
    said = [f"{rank} ({f'signal {-code}' if code < 0 else f'exit code {code}'})" for rank, code in ended.items()]
    raise ChildProcessError(
        f"of the ranks 0 to {len(processes)} of this training ended too early: {', '.join(said)}; the others were "
        "ended, too; the same command goes on from the last checkpoint"
    ) from None


def _end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def follow(given: dict[str, Any]) -> None:
    """Be a rank other than 0 of the training that `start_ranks` describes, to the end of its steps."""
    run = read_run(Path(given["run"]), start_path=Path(given["start"]) if given["start"] else None)
    if run.key != given["key"]:
        raise ValueError(f"{run.path}: rank 0 has read another one; the same command begins anew")
    training = Training(run, Path(given["root"]), Path(given["work"]), given["max_steps"])
    training.events_path = Path(given["folder"]) / f"events-{given['rank']}.jsonl"  # for nobody
    training.checkpoint_seconds = float("inf")
    training.ranks = _join(given, training.device)
    with suppress(EnoughSteps):
        training.run_all()
    dist.destroy_process_group()


if __name__ == "__main__":
    end_with_parent()
    told = json.loads(sys.argv[1])
    if os.getppid() != told["parent"]:
        sys.exit("rank 0 is gone")
    try:
        follow(told)
    except (ValueError, FloatingPointError) as error:
        sys.exit(f"rank {told['rank']}: {error}")
