"""Masked language modelling: words of a sentence told from the others (Devlin et al. 2019, sections 3.1 and A.1)."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.bert import ACTIVATIONS, INITIAL_STD, MiniBert
from model.packing import PackedBatch

# Shape suffixes: T packed tokens, M masked ones, B1 sequences + 1, D hidden, V words of the vocabulary.

# What becomes of a token that is chosen: the mask, a random word, or nothing.
MASK_SHARE, RANDOM_SHARE = 0.8, 0.1


class MaskedLanguageModel(nn.Module):
    """An encoder under BERT's pre-training head, whose last linear map is the word embeddings; a new head is drawn."""

    def __init__(self, encoder: MiniBert) -> None:
        super().__init__()
        config = encoder.config
        self.encoder = encoder
        self.activation = ACTIVATIONS[config.activation]
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.dense.weight, std=INITIAL_STD)
        nn.init.zeros_(self.dense.bias)

    def forward(self, batch: PackedBatch, places_M: Tensor) -> Tensor:
        """Logits M x V of the tokens at these places: E LayerNorm(gelu(W h + b)) + c."""
        hidden_MD = self.encoder(batch)[places_M]
        return F.linear(
            self.norm(self.activation(self.dense(hidden_MD))), self.encoder.word_embeddings.weight, self.bias
        )


def mask(
    batch: PackedBatch, mask_id: int, vocab_size: int, fraction: float, generator: torch.Generator
) -> tuple[PackedBatch, Tensor, Tensor]:
    """The batch with tokens masked, their places, and what they were, M each; the batch is on the CPU.

    A token is chosen with probability `fraction`, at least one of the batch is, and never a sentence's first or last
    ([CLS], [SEP]). Sentences without any other token must not be all that there is.
    """
    draws_T = torch.rand(batch.num_tokens, generator=generator)
    draws_T[batch.bounds_B1[:-1]] = draws_T[batch.bounds_B1[1:] - 1] = 2.0
    chosen_T = draws_T < fraction
    chosen_T[draws_T.argmin()] = True
    places_M = chosen_T.nonzero().squeeze(1)
    originals_M = batch.ids_T[places_M]
    kinds_M = torch.rand(len(places_M), generator=generator)
    words_M = torch.randint(vocab_size, (len(places_M),), generator=generator)
    masked_M = torch.where(kinds_M < MASK_SHARE + RANDOM_SHARE, words_M, originals_M)
    masked_M[kinds_M < MASK_SHARE] = mask_id
    return replace(batch, ids_T=batch.ids_T.index_copy(0, places_M, masked_M)), places_M, originals_M
