"""Further pre-training of an encoder by masked language modelling on the text of the tasks.

Devlin et al. 2019, section 3.1; on the task's own training text: Gururangan et al. 2020, section 4 (task-adaptive).
"""

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from model.adamw import AdamW
from model.masked_lm import mask
from model.packing import pack
from model.pretrained import load_masked_lm, save_encoder
from model.schedules import SCHEDULES
from pipeline.data.vocabulary import find_mask
from pipeline.evaluation.device import choose_device
from pipeline.files.digest import derive_seed
from pipeline.training.batches import FIXED_SEED, permute

LOG_EVERY = 10  # steps between two points of the loss curve


def pretrain(
    source: Path, destination: Path, sentences: list[list[int]], options: dict[str, Any]
) -> list[tuple[int, float]]:
    """Train the encoder in the folder `source` on tokenised sentences, and write its weights to `destination`.

    Returns the loss curve: (steps done, mean loss of the last `LOG_EVERY` or fewer). `options` are a row's `adapt`.
    fp32; dropout is config.json's. Every draw is a function of `FIXED_SEED`, epoch and step: on one processor with the
    same number of threads the same again is the same bytes. It is no run, so nothing resumes: a killed one is repeated.
    A loss that is not finite is a `FloatingPointError`.
    """
    torch.manual_seed(_derive("head"))
    device, mask_id = choose_device(), find_mask(source / "vocab.txt")
    model = load_masked_lm(source).to(device).train()
    optimizer = AdamW(model.parameters(), lr=options["learning_rate"])
    factor = SCHEDULES.bind(options["learning_rate_schedule"])
    starts = range(0, len(sentences), options["batch_size"])
    num_steps = options["epochs"] * len(starts)
    curve, losses = [], []
    with tqdm(total=num_steps, desc=f"masked words for {source.name}", unit="step", mininterval=1.0) as bar:
        for epoch in range(options["epochs"]):
            order = permute(len(sentences), _derive("order", epoch))
            for start in starts:
                chosen = [sentences[i] for i in order[start : start + options["batch_size"]]]
                generator = torch.Generator().manual_seed(_derive("mask", bar.n))
                masking = (mask_id, model.encoder.config.vocab_size, options["masked_fraction"], generator)
                batch, places_M, originals_M = mask(pack(chosen), *masking)
                torch.manual_seed(_derive("dropout", bar.n))
                optimizer.zero_grad()
                loss = F.cross_entropy(model(batch.to(device), places_M.to(device)), originals_M.to(device))
                loss.backward()
                for group in optimizer.param_groups:
                    group["lr"] = options["learning_rate"] * factor(bar.n, num_steps)
                optimizer.step()
                bar.update()
                losses.append(loss.item())
                if not math.isfinite(losses[-1]):
                    raise FloatingPointError(
                        f"the loss is {losses[-1]} at step {bar.n}: a lower learning rate may help"
                    )
                if bar.n % LOG_EVERY == 0 or bar.n == num_steps:
                    curve.append((bar.n, sum(losses) / len(losses)))
                    losses = []
    save_encoder(model.encoder, source / "model.safetensors", destination)
    return curve


def _derive(purpose: str, *place: int) -> int:
    return derive_seed(FIXED_SEED, "masked language modelling", purpose, *place)
