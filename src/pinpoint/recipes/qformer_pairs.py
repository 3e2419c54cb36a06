"""How a small Q-Former learns before a tower that rests: BLIP-2's first stage without captioning.

Contrastive: an image's best query token against the text's first token. Matching: query tokens that have read image and
text say whether the two belong together; the wrong partners are hard ones, drawn by the contrastive scores.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pinpoint.diorama import tasks
from pinpoint.diorama.world import TrainingPairs
from pinpoint.distinctive import TokenRetriever
from pinpoint.encoders.blip import SmallTokens, pad
from pinpoint.encoders.qformer import candidate_emb, image_tokens, match_logits, read_together, text_emb
from pinpoint.evaluate import evaluate
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.pairs import Shuffled

Batch = tuple[torch.Tensor, ...]


def seen_by(model: Any, images: np.ndarray, batch: int = 128) -> torch.Tensor:
    """What the resting tower sees of uint8 pictures (N, S, S, 3): (N, n, Dv) in half precision, on the CPU side."""
    device, parts = next(model.parameters()).device, []
    with torch.no_grad():
        for start in range(0, len(images), batch):
            pixels = torch.from_numpy(np.array(images[start : start + batch])).to(device)
            parts.append(image_tokens(model, normalised(pixels)).half().cpu())
    return torch.cat(parts)


class Trained(nn.Module):
    """The Q-Former as it is trained: the resting tower is left aside, the temperature is learned."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.query_tokens, self.qformer, self.embeddings = model.query_tokens, model.qformer, model.embeddings
        self.vision_projection, self.text_projection = model.vision_projection, model.text_projection
        self.itm_head, self.log_scale = model.itm_head, nn.Parameter(torch.tensor(1 / 0.07).log())


class Pairs:
    """`pairs(i)` -> image tokens (B, n, Dv), token ids (B, L) and mask of their captions, new in every epoch."""

    def __init__(self, seen: torch.Tensor, pairs: TrainingPairs, tokenize: SmallTokens, batch: int, seed: int) -> None:
        self.seen, self.pairs, self.tokenize, self.seed = seen, pairs, tokenize, seed
        self.rows = Shuffled(len(pairs), batch, seed)

    def __call__(self, i: int) -> Batch:
        """Batch i, a function of i alone; the last entry seeds the draw of hard partners."""
        epoch, rows = self.rows(i)
        ids, mask = pad([self.tokenize(self.pairs.caption(int(r), epoch, self.seed)) for r in rows])
        return self.seen[torch.from_numpy(rows)].float(), ids, mask, torch.tensor(i)


def pair_loss(matched: int, model: Any, batch: Batch) -> torch.Tensor:
    """Contrastive plus matching, each with weight 1; the first `matched` pairs are matched."""
    seen, ids, mask, i = batch
    images, texts = candidate_emb(model, seen), text_emb(model, ids, mask)
    cosines = torch.einsum("bd,ntd->bnt", texts, images).amax(dim=2).float()
    logits, own = model.log_scale.exp().clamp(max=100) * cosines, torch.arange(len(ids), device=ids.device)
    contrastive = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
    image, text = hard_partners(logits.detach()[:matched, :matched], int(i))
    first = own[:matched]
    which, shown = torch.cat([first, first, text]), torch.cat([first, image, first])
    said = match_logits(model, read_together(model, seen[shown], ids[which], mask[which]))
    truth = (torch.arange(3 * matched, device=ids.device) < matched).long()
    return contrastive + cross_entropy(said, truth)


def hard_partners(logits: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of m texts a wrong image, for each of m images a wrong text, drawn by softmax of logits (m, m)."""
    chance = logits.clone().fill_diagonal_(-torch.inf).cpu()
    generator = torch.Generator().manual_seed(seed)  # of its own: a resumed run draws the same
    image = torch.multinomial(chance.softmax(dim=1), 1, generator=generator)[:, 0]
    text = torch.multinomial(chance.T.softmax(dim=1), 1, generator=generator)[:, 0]
    return image.to(logits.device), text.to(logits.device)


class Development:
    """Recall of facet queries, by the best token, and accuracy of matching on development pairs, in percent."""

    def __init__(self, model: Any, tokenize: SmallTokens, gallery: int, per_facet: int) -> None:
        self.benchmark, self.tokenize = tasks.facets("dev", gallery, per_facet), tokenize
        images: Any = self.benchmark.gallery.images
        self.seen = seen_by(model, images.load_batch(self.benchmark.gallery.ids, TrainingPairs(1).size))
        pairs = TrainingPairs(min(256, gallery), split="dev")
        shown = seen_by(model, np.stack([pairs.image(i) for i in range(len(pairs))]))
        self.pairs = Pairs(shown, pairs, tokenize, len(pairs), 0)(0)

    def __call__(self, model: Any) -> dict[str, float]:
        """One point of the curve."""
        device = model.query_tokens.device
        queries = torch.cat([
            text_emb(model, ids.to(device), mask.to(device))
            for ids, mask in self._texts([query.text or "" for query in self.benchmark.queries])
        ])  # fmt: skip
        gallery = torch.cat([candidate_emb(model, part.float().to(device)) for part in self.seen.split(256)])
        result = evaluate(self.benchmark, TokenRetriever("qformer", queries.cpu().numpy(), gallery.cpu().numpy()))
        out = {metric: result.macro(metric).value for metric in ("r1", "r5")}
        return {**out, "animals.r1": result.metric("r1", "animals").value, "matching": self._matching(model, device)}

    def _texts(self, texts: Sequence[str], batch: int = 256) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [pad([self.tokenize(t) for t in texts[k : k + batch]]) for k in range(0, len(texts), batch)]

    def _matching(self, model: Any, device: torch.device) -> float:
        """Right answers for pairs, and for the same texts with the next image."""
        seen, ids, mask = (t.to(device) for t in self.pairs[:3])
        right = match_logits(model, read_together(model, seen, ids, mask)).argmax(1) == 1
        wrong = match_logits(model, read_together(model, seen.roll(1, dims=0), ids, mask)).argmax(1) == 0
        return 100 * float(torch.cat([right, wrong]).float().mean())
