"""How the text encoder of a small BLIP learns before a tower that rests: what the tower sees is computed once."""

from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

from pinpoint.diorama import tasks
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders.blip import SmallTokens, match_logits, pad, text_features
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.pairs import Shuffled


class Bank:
    """What the resting tower sees: v (N, D) unit rows, tokens (N, n, Dv) in half precision."""

    def __init__(self, model: Any, images: np.ndarray) -> None:
        v, tokens = [], []
        device = next(model.parameters()).device
        model.eval()
        with torch.no_grad():
            for start in range(0, len(images), 128):
                part = torch.from_numpy(np.array(images[start : start + 128])).to(device)
                hidden = model.vision_model(pixel_values=normalised(part)).last_hidden_state
                v.append(normalize(model.vision_proj(hidden[:, 0]), dim=1).cpu())
                tokens.append(hidden.half().cpu())
        self.v, self.tokens = torch.cat(v), torch.cat(tokens)


class Texts:
    """`texts(i)` -> rows (B,), token ids (B, L) and mask of their captions; and the two losses on them."""

    def __init__(
        self, bank: Bank, pairs: TrainingPairs, tokenize: SmallTokens, batch: int, matched: int, seed: int = 0
    ) -> None:
        self.bank, self.pairs, self.tokenize, self.matched, self.seed = bank, pairs, tokenize, matched, seed
        self.scale, self.rows = 1 / 0.05, Shuffled(len(pairs), batch, seed)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch i, a function of i alone; captions are new in every epoch."""
        epoch, rows = self.rows(i)
        return (
            torch.from_numpy(rows),
            *pad([self.tokenize(self.pairs.caption(int(r), epoch, self.seed)) for r in rows]),
        )

    def loss(self, model: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Contrastive plus matching, each with weight 1, as BLIP has it."""
        rows, ids, mask = batch
        v = self.bank.v[rows.cpu()].to(rows.device)  # the bank rests on the CPU side
        t = normalize(text_features(model, ids, mask).float(), dim=1)
        logits, own = self.scale * t @ v.T, torch.arange(len(rows), device=rows.device)
        contrastive = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
        return contrastive + self.matching(model, rows, ids, mask, logits.detach())

    def matching(
        self, model: Any, rows: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """Pairs, texts with a hard wrong image, images with a hard wrong text: wrong ones are drawn by softmax."""
        m = self.matched
        chance = logits.clone().fill_diagonal_(-torch.inf)
        image = torch.multinomial(chance[:m].softmax(dim=1), 1)[:, 0]
        text = torch.multinomial(chance[:, :m].T.softmax(dim=1), 1)[:, 0]
        first = torch.arange(m, device=rows.device)
        which, seen = torch.cat([first, first, text]), torch.cat([rows[:m], rows[image], rows[:m]])
        tokens = self.bank.tokens[seen.cpu()].to(rows.device).float()
        truth = torch.cat([torch.ones_like(first), torch.zeros_like(first), torch.zeros_like(first)])
        return cross_entropy(match_logits(model, ids[which], mask[which], tokens), truth)


class Development:
    """Recall of facet queries, by the contrastive scores, and accuracy of matching on development pairs, in percent."""

    def __init__(self, model: Any, tokenize: SmallTokens, gallery: int, per_facet: int) -> None:
        self.benchmark, self.tokenize = tasks.facets("dev", gallery, per_facet), tokenize
        images: Any = self.benchmark.gallery.images
        pixels = images.load_batch(self.benchmark.gallery.ids, TrainingPairs(1).size)
        self.bank = Bank(model, pixels)
        pairs = TrainingPairs(min(256, gallery), split="dev")
        bank = Bank(model, np.stack([pairs.image(i) for i in range(len(pairs))]))
        self.matched = Texts(bank, pairs, tokenize, len(pairs), len(pairs))

    def __call__(self, model: Any) -> dict[str, float]:
        """One point of the curve."""
        device = next(model.parameters()).device
        ids, mask = pad([self.tokenize(query.text or "") for query in self.benchmark.queries])
        parts = [
            text_features(model, a.to(device), b.to(device))
            for a, b in zip(ids.split(256), mask.split(256), strict=True)
        ]
        query_emb = normalize(torch.cat(parts), dim=1).cpu().numpy()
        result = evaluate(self.benchmark, VectorRetriever("blip", query_emb, self.bank.v.numpy()))
        out = {metric: result.macro(metric).value for metric in ("r1", "r5")}
        return {**out, "animals.r1": result.metric("r1", "animals").value, "matching": self._matching(model)}

    def _matching(self, model: Any) -> float:
        """Right answers for pairs, and for the same texts with the next image."""
        device = next(model.parameters()).device
        rows, ids, mask = self.matched(0)
        ids, mask, tokens = ids.to(device), mask.to(device), self.matched.bank.tokens[rows].float().to(device)
        right = match_logits(model, ids, mask, tokens).argmax(1) == 1
        wrong = match_logits(model, ids, mask, tokens.roll(1, dims=0)).argmax(1) == 0
        return 100 * float(torch.cat([right, wrong]).float().mean())
