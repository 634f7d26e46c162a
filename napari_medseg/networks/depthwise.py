"""Depthwise convolution of several kernel sizes in one pass, fast to train on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_weight, conv3d_weight


def depthwise_groups(x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    """Convolve groups of channels, each with its own size of depthwise kernels.

    Parameters
    ----------
    x : Tensor
        ``(B, C, *S)``.
    weights : sequence of Tensor
        One ``(C_i, 1, *K_i)`` per group of channels, odd kernels; the last is the largest.
    biases : sequence of Tensor
        One ``(C_i,)`` per group.

    Returns
    -------
    Tensor
        ``(B, C, *S)``; the outside of the image counts as zero.
    """
    if x.device.type == "cpu":
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x, weights, biases = x.to(dtype), _all_to(dtype, weights), _all_to(dtype, biases)
        y = _OnePass.apply(x, torch.cat(list(biases)), *weights)  # type: ignore[no-untyped-call]
        return cast(Tensor, y)
    return torch.cat(
        [
            _depthwise(part, weight, bias)
            for part, weight, bias in zip(
                x.split([len(w) for w in weights], dim=1), weights, biases, strict=True
            )
        ],
        dim=1,
    )


def _all_to(dtype: torch.dtype, tensors: Sequence[Tensor]) -> list[Tensor]:
    return [t.to(dtype) for t in tensors]


def _depthwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    convolve = F.conv2d if weight.ndim == 4 else F.conv3d
    return convolve(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))


class _OnePass(torch.autograd.Function):
    """All groups as one convolution, and the gradient of the image as another.

    A convolution of few channels wastes most of a vector register, so small kernels are padded to
    the largest. PyTorch's own gradient of the image is five times slower than the convolution
    that computes the same numbers; its gradient of the weights is not. In half precision that one
    is computed in float32: torch 2.13's of volumes in bfloat16 is wrong for large kernels, may be
    infinite, and reads or writes where it must not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor, *weights: Tensor) -> Tensor:
        """Convolve: ``(B, C, *S) -> (B, C, *S)``."""
        ctx.save_for_backward(x, *weights)
        return _depthwise(x, _pad_to_largest(weights), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of image, bias and weights."""
        x, *weights = ctx.saved_tensors
        spatial = tuple(range(2, x.ndim))
        to_x = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = _depthwise(gradient, _pad_to_largest(weights).flip(spatial))
        if ctx.needs_input_grad[1]:
            to_bias = gradient.sum((0, *spatial))
        groups = [len(w) for w in weights]
        to_weights = [
            _weight_gradient(part, part_gradient, weight) if needed else None
            for part, part_gradient, weight, needed in zip(
                x.split(groups, dim=1),
                gradient.split(groups, dim=1),
                weights,
                ctx.needs_input_grad[2:],
                strict=True,
            )
        ]
        return to_x, to_bias, *to_weights


def _pad_to_largest(weights: Sequence[Tensor]) -> Tensor:
    """Join ``(C_i, 1, *K_i)`` to ``(C, 1, *K)`` with zeros around the smaller kernels."""
    largest = weights[-1].shape[-1]
    return torch.cat(
        [F.pad(w, ((largest - w.shape[-1]) // 2,) * 2 * (w.ndim - 2)) for w in weights]
    )


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    of_weight: Callable[..., Tensor] = conv2d_weight if x.ndim == 4 else conv3d_weight
    padding, exact = weight.shape[-1] // 2, torch.promote_types(x.dtype, torch.float32)
    found = of_weight(
        x.to(exact), weight.shape, gradient.to(exact), padding=padding, groups=len(weight)
    )
    return found.to(weight.dtype)
