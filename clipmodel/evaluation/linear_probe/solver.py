"""Multinomial logistic regression by L-BFGS, for several strengths of the L2 penalty at once.

The objective is scikit-learn's, with C = 1 / strength:

    sum over images of -log p(own class)  +  strength / 2 * |weights|^2         (intercepts are not penalised)

Three things make it fast. Features are rotated to their principal axes, which drops empty directions (few
images, many features) and makes the diagonal of the Hessian a good preconditioner. Along a search direction
the logits are a line, so a line search costs no product with the features. And several strengths share these
products.

Shapes: N images, F features, R principal axes, C classes, S strengths.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The paper's limit (Radford et al. 2021, appendix A.3).
MAX_ITERATIONS = 1000
# SciPy's default, which scikit-learn's L-BFGS uses as well.
HISTORY = 10
TOLERANCE = 1e-4  # of the largest entry of the gradient over N, as in scikit-learn
LOGITS_BYTES = 4_000_000
NEWTON_STEPS = 12
SMALLEST = 1e-12
RENEWAL = 4  # iterations between renewals of the preconditioner
SLOPE_LEFT = 0.5  # of the slope at the start: where a line search may end


@dataclass(frozen=True)
class LinearClassifier:
    """logits = features @ weights.T + intercept.

    Attributes
    ----------
    weights, intercept
        [C, F] and [C].
    strength
        Of the penalty.
    iterations
        That the solver took.
    converged
        Whether the gradient fell below the tolerance.
    """

    weights: Tensor
    intercept: Tensor
    strength: float
    iterations: int
    converged: bool

    def scores(self, features: Tensor) -> Tensor:
        """[N, C] logits of features [N, F]."""
        return features.to(self.weights.dtype) @ self.weights.T + self.intercept


class Solver:
    """Fits classifiers of one set of features, each from the nearest strength that was solved before.

    Parameters
    ----------
    features
        [N, F], as they are: the paper standardises nothing.
    truth
        [N] in 0 ... C - 1. A class without images keeps an intercept that falls until it is irrelevant.
    tolerance
        The largest entry of the gradient over N, in the rotated coordinates, at which to stop.

    Raises
    ------
    ValueError
        Lengths differ, a label is out of range, or a value is not finite.
    """

    def __init__(
        self,
        features: NDArray[np.floating] | Tensor,
        truth: NDArray[np.integer] | Tensor,
        *,
        classes: int,
        max_iterations: int = MAX_ITERATIONS,
        tolerance: float = TOLERANCE,
    ) -> None:
        # float64: L-BFGS stalls in float32 before the tolerance where the penalty is weak.
        x, self._y = torch.as_tensor(features).to(torch.float64), torch.as_tensor(truth).long()
        _check(x, self._y, classes=classes)
        self._axes = _Axes.of(x)
        self._x, self._classes = self._axes.rotate(x), classes
        self._limits = {"max_iterations": max_iterations, "tolerance": tolerance}
        self._solved: dict[float, Tensor] = {}  # strength -> parameters

    def fit(self, strengths: Sequence[float]) -> list[LinearClassifier]:
        """One classifier for each positive strength, in the order given; deterministic."""
        if not strengths or min(strengths) <= 0:
            raise ValueError("every strength must be positive")
        # A few small problems share their overhead; large ones gain more from a start near their end.
        at_once = max(1, LOGITS_BYTES // (len(self._x) * self._classes * 8))
        # Strong penalties first: their problems are the best conditioned, and each solution is a start close
        # to the next one's.
        order = sorted(range(len(strengths)), key=lambda place: -strengths[place])
        found: dict[int, LinearClassifier] = {}
        for first in range(0, len(order), at_once):
            places = order[first : first + at_once]
            chosen = torch.tensor([strengths[place] for place in places], dtype=torch.float64)
            problem = _Problem(self._x, self._y, chosen, self._classes)
            start = torch.stack([self._start(strengths[place]) for place in places])
            solved = problem.solve(start, **self._limits)  # type: ignore[arg-type]
            for k, place in enumerate(places):
                self._solved[strengths[place]] = solved.parameters[k]
                weights, intercept = self._axes.restore(solved.parameters[k])
                found[place] = LinearClassifier(
                    weights, intercept, strengths[place], int(solved.iterations[k]), bool(solved.converged[k])
                )
        return [found[place] for place in range(len(strengths))]

    def _start(self, strength: float) -> Tensor:
        if not self._solved:
            return self._x.new_zeros(self._x.shape[1] + 1, self._classes)
        # The nearest on a logarithmic scale, on which the strengths are spaced.
        return self._solved[min(self._solved, key=lambda other: abs(np.log(other / strength)))]


def fit(
    features: NDArray[np.floating] | Tensor,
    truth: NDArray[np.integer] | Tensor,
    strengths: Sequence[float],
    *,
    classes: int,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> list[LinearClassifier]:
    """Fit one classifier for each strength; parameters and errors as for `Solver`."""
    solver = Solver(features, truth, classes=classes, max_iterations=max_iterations, tolerance=tolerance)
    return solver.fit(strengths)


def _check(x: Tensor, y: Tensor, *, classes: int) -> None:
    if x.ndim != 2 or y.shape != (len(x),) or not len(x):
        raise ValueError(
            f"features [N, F] and truth [N] are needed, got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if not torch.isfinite(x).all():
        raise ValueError("a feature is not finite")
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"a label lies outside 0 ... {classes - 1}")


@dataclass(frozen=True)
class _Axes:
    """Principal axes of centred features."""

    mean: Tensor  # [F]
    axes: Tensor  # [F, R]

    @classmethod
    def of(cls, x: Tensor) -> _Axes:
        mean = x.mean(dim=0)
        centred = x - mean
        # With fewer images than features the scatter matrix is singular; the SVD finds the same axes without
        # squaring the condition number.
        if len(x) < x.shape[1]:
            _, values, right = torch.linalg.svd(centred, full_matrices=False)
            # Singular values are square roots of the eigenvalues below, hence the larger factor.
            kept = values > values.amax().clamp_min(1e-300) * 1e-12
            return cls(mean, right[kept].T.contiguous())
        values, axes = torch.linalg.eigh(centred.T @ centred)
        kept = values > values.amax().clamp_min(1e-300) * 1e-14
        return cls(mean, axes[:, kept].contiguous())

    def rotate(self, x: Tensor) -> Tensor:
        return (x - self.mean) @ self.axes

    def restore(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [C, F] and intercepts [C] from parameters [R + 1, C]."""
        # The penalty is a sum of squares, which rotations leave as it is: the solution in rotated coordinates
        # is the solution, and a diagonal preconditioner is a good one there.
        weights = (self.axes @ parameters[:-1]).T.contiguous()
        # The rotation centred the features: the intercept of the original ones takes the mean back.
        return weights, parameters[-1] - weights @ self.mean


@dataclass
class _Solved:
    parameters: Tensor  # [S, R + 1, C]
    iterations: Tensor
    converged: Tensor


class _Problem:
    """S problems on the same images; parameters are [S, R + 1, C], the last row the intercepts."""

    def __init__(self, x: Tensor, y: Tensor, strengths: Tensor, classes: int) -> None:
        self.x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)  # [N, R + 1]
        self.y, self.classes = y, classes
        self.squares = self.x**2
        penalty = strengths[:, None].expand(-1, x.shape[1])
        self.penalty = torch.cat([penalty, x.new_zeros(len(strengths), 1)], dim=1)[:, :, None]
        self.inverse = torch.ones(())  # of the Hessian's diagonal, renewed with each gradient

    def logits(self, parameters: Tensor) -> Tensor:
        """[S, N, C]."""
        return torch.matmul(self.x, parameters)

    def gradient(self, parameters: Tensor, p: Tensor, *, renew: bool = True) -> Tensor:
        """[S, R + 1, C] of the objective at probabilities p [S, N, C]; also renews the preconditioner."""
        if renew:
            # p (1 - p) is the diagonal of the softmax's Hessian; the off-diagonal is left to L-BFGS.
            self.inverse = 1 / (torch.matmul(self.squares.T, p * (1 - p)) + self.penalty + SMALLEST)
        at = self.y[None, :, None].expand(len(p), -1, 1)
        # p minus the one-hot truth, without a one-hot matrix as large as p.
        residual = p.scatter_add(2, at, p.new_full(at.shape, -1.0))
        return torch.matmul(self.x.T, residual) + self.penalty * parameters

    def of(self, places: Tensor) -> _Problem:
        """The problems at some places of the first axis."""
        # Shallow: the features are shared, only penalties and preconditioners are cut to the problems left.
        other = copy.copy(self)
        other.penalty, other.inverse = self.penalty[places], self.inverse[places]
        return other

    def solve(self, start: Tensor, *, max_iterations: int, tolerance: float) -> _Solved:
        """Preconditioned L-BFGS; a problem that has converged takes no further part."""
        s, limit = len(self.penalty), tolerance * len(self.x)
        parameters = start
        solved = _Solved(
            parameters.clone(), torch.full((s,), max_iterations), torch.zeros(s, dtype=torch.bool)
        )
        places, problem = torch.arange(s), self
        logits = self.logits(parameters)
        gradient = self.gradient(parameters, torch.softmax(logits, dim=-1))
        memory: list[tuple[Tensor, Tensor, Tensor]] = []
        for iteration in range(max_iterations + 1):
            done = gradient.abs().amax(dim=(1, 2)) <= limit
            if bool(done.any()) or iteration == max_iterations:
                solved.parameters[places] = parameters
                solved.iterations[places[done]] = iteration
                solved.converged[places] = done
                if bool(done.all()) or iteration == max_iterations:
                    break
                left = torch.nonzero(~done)[:, 0]
                places, problem = places[left], problem.of(left)
                parameters, logits, gradient = parameters[left], logits[left], gradient[left]
                memory = [(moved[left], change[left], rho[left]) for moved, change, rho in memory]
            direction = -problem._two_loops(gradient, memory)
            slope = (direction * gradient).sum(dim=(1, 2))
            if bool((slope >= 0).any()):
                # A direction that does not descend means that the memory misleads: start it again.
                memory, direction = [], -problem.inverse * gradient
                slope = (direction * gradient).sum(dim=(1, 2))
            change = problem.logits(direction)
            steps, probabilities = problem._line_search(logits, change, parameters, direction, slope)
            moved = steps[:, None, None] * direction
            parameters, logits = parameters + moved, logits + steps[:, None, None] * change
            new = problem.gradient(parameters, probabilities, renew=iteration % RENEWAL == 0)
            product = (moved * (new - gradient)).sum(dim=(1, 2))
            # A pair without positive curvature, which rounding near the end can give, is kept with weight 0.
            rho = torch.where(product > 0, 1 / product.clamp_min(1e-300), 0.0)
            # The oldest pair goes: HISTORY pairs of [S, R + 1, C] are the memory's cost.
            memory = [*memory[1 - HISTORY :], (moved, new - gradient, rho)]
            gradient = new
        return solved

    def _two_loops(self, gradient: Tensor, memory: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """The inverse Hessian's estimate times the gradient (Nocedal & Wright 2006, algorithm 7.4)."""
        q = gradient.clone()
        alphas = []
        for moved, difference, rho in reversed(memory):
            alpha = rho * (moved * q).sum(dim=(1, 2))
            q = q - alpha[:, None, None] * difference
            alphas.append(alpha)
        # The newest pair scales the preconditioner to the curvature just met (Nocedal & Wright, eq. 7.20).
        scale = self.x.new_ones(len(q))
        if memory:
            moved, difference, _ = memory[-1]
            above = (moved * difference).sum(dim=(1, 2))
            below = (difference * self.inverse * difference).sum(dim=(1, 2))
            scale = torch.where((above > 0) & (below > 0), above / below.clamp_min(1e-300), 1.0)
        q = scale[:, None, None] * self.inverse * q
        for (moved, difference, rho), alpha in zip(memory, reversed(alphas), strict=True):
            beta = rho * (difference * q).sum(dim=(1, 2))
            q = q + (alpha - beta)[:, None, None] * moved
        return q

    def _line_search(
        self, logits: Tensor, change: Tensor, parameters: Tensor, direction: Tensor, slope: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Steps [S] near the minimum along the directions, and the probabilities [S, N, C] there.

        The objective is a convex function of the step, with `slope` [S] at zero.
        """
        at = self.y[None, :, None].expand(len(logits), -1, 1)
        # Logits are linear in the step, so a trial step costs a softmax and no product with the features.
        own = change.gather(2, at).sum(dim=(1, 2))
        quadratic = (self.penalty * direction**2).sum(dim=(1, 2))
        linear = (self.penalty * parameters * direction).sum(dim=(1, 2)) - own
        low, high = torch.zeros_like(own), torch.full_like(own, torch.inf)
        step, goal = torch.ones_like(own), SLOPE_LEFT * slope.abs()
        for _ in range(NEWTON_STEPS):
            p = torch.softmax(torch.addcmul(logits, step[:, None, None], change), dim=-1)
            first = (p * change).sum(dim=-1)
            slope = first.sum(dim=1) + linear + step * quadratic
            done = slope.abs() <= goal
            if bool(done.all()):
                return step, p
            # The second derivative along the direction: the variance of the change under p, over all images.
            curvature = torch.einsum("snc,snc,snc->s", p, change, change) - (first**2).sum(dim=1) + quadratic
            low = torch.where(slope < 0, step, low)
            high = torch.where(slope >= 0, step, high)
            newton = step - slope / curvature.clamp_min(SMALLEST)
            inside = (newton > low) & (newton < high)
            # Newton may leave the bracket where the curvature nearly vanishes; then it is halved, or doubled
            # while it has no upper end.
            halved = torch.where(torch.isinf(high), 2 * step + 1, (low + high) / 2)
            step = torch.where(done, step, torch.where(inside, newton, halved))
        return step, torch.softmax(torch.addcmul(logits, step[:, None, None], change), dim=-1)
