"""Gradient caching: a contrastive loss over a batch whose activations do not fit into memory.

Every pair of a contrastive batch meets every other in the loss, so the batch cannot simply be split. But the loss needs
only the embeddings. Encode the chunks without a graph; take the gradient of the loss with respect to the embeddings;
then encode each chunk again, with a graph, and send that gradient back through it (Gao et al. 2021). The result is the
gradient of the whole batch, for the memory of one chunk and one more forward pass.
"""

from collections.abc import Callable, Sequence

import torch

Chunk = Callable[[], torch.Tensor]  # encodes one chunk, (n, D)


def cached_backward(
    chunks: Sequence[Sequence[Chunk]], loss_of: Callable[..., torch.Tensor], device_type: str = "cpu"
) -> torch.Tensor:
    """Add the gradients of `loss_of(*sides)` to the parameters, where side s is the rows of all `chunks[s]`.

    The chunks must encode without randomness. Returns the loss as a leaf, so that a caller's own `backward()` is
    harmless: nothing is left to propagate.
    """
    with torch.no_grad():
        rows = [[chunk() for chunk in side] for side in chunks]
    sides = [torch.cat(side).requires_grad_() for side in rows]
    loss = loss_of(*sides)
    gradients = torch.autograd.grad(loss, sides)
    for side, gradient, encoded in zip(chunks, gradients, rows, strict=True):
        for chunk, part in zip(side, gradient.split([len(row) for row in encoded]), strict=True):
            embedding = chunk()
            with torch.autocast(device_type, enabled=False):  # the backward pass takes its types from the forward pass
                embedding.backward(part.to(embedding.dtype))
    return loss.detach().requires_grad_()
