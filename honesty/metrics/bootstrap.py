"""95 % intervals: a paired bootstrap over questions, and Wilson where a bootstrap has nothing to resample.

Resampling question ids with replacement and recounting the outcomes *is* a multinomial draw over the outcome counts, so
10,000 replicates take milliseconds whatever the number of questions, and before and after stay paired. The interval runs
from the 2.5th to the 97.5th percentile; replicates in which the metric is undefined (an empty denominator) are dropped.

Where a rate has fewer than :data:`SPARSE` successes or failures, resampling understates what is unknown: at 0 of 30 every
replicate is 0 and the interval would be the point 0. Such rates get Wilson's interval, and a weighted sum of rates of which
one is that sparse (honesty) gets the rates' Wilson intervals combined by the square-and-add method. Exact coverage of a
nominal 95 % interval for one rate of n = 20, 50, 100 (worst true rate in 0.5..50 %): bootstrap alone 10, 22, 39 %; with the
rule 91, 91, 91 %, on average over the true rates 95 to 96 %. The score's source names the interval that was used.

Source: Efron and Tibshirani 1993, chapter 13 (percentile interval); Wilson 1927; Newcombe 1998, method 10 (square-and-add
of Wilson intervals), Zou and Donner 2008 for weighted sums.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from honesty.metrics.counts import Array, Counts, Estimate, Part

REPLICATES = 10_000
SPARSE = 5
LEVEL = (0.025, 0.975)
Z = 1.959963984540054  # 97.5th percentile of the normal distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How many replicates, and the seed they are drawn with."""

    replicates: int = REPLICATES
    seed: int = 0

    def draw(self, counts: Counts) -> Counts:
        """Resample the questions of one table: counts of shape ``[replicate, outcome]``, each row adding up to ``n``."""
        return Counts(outcomes=counts.outcomes, array=self.resample(counts.array), empty=counts.empty)

    def resample(self, counts: npt.NDArray[Any]) -> Array:
        """Resample ``sum(counts)`` things of ``category`` kinds: shape ``[replicate, category]``."""
        n = int(counts.sum())
        if n == 0:
            return np.zeros((self.replicates, counts.size))
        generator = np.random.default_rng(self.seed)
        return generator.multinomial(n, counts / n, size=self.replicates).astype(np.float64)


def percentiles(values: Array) -> tuple[float | None, float | None]:
    """Return the 2.5th and 97.5th percentile of the replicates, dropping undefined ones; ``None`` when all are."""
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return None, None
    low, high = np.quantile(defined, LEVEL).tolist()
    return low, high


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a rate of ``successes`` in ``n`` > 0.

    Source: Wilson 1927: centre ``(p + z^2 / 2n) / (1 + z^2 / n)``, half-width
    ``z sqrt(p (1 - p) / n + z^2 / 4n^2) / (1 + z^2 / n)``.
    """
    p, scale = successes / n, 1 + Z * Z / n
    centre = (p + Z * Z / (2 * n)) / scale
    half = Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / scale
    return max(0.0, min(p, float(centre - half))), min(1.0, max(p, float(centre + half)))


def square_and_add(estimate: Estimate) -> tuple[float, float]:
    """Combine the Wilson intervals of a weighted sum of independent rates; one rate of weight 1 keeps its own.

    ``low = value - sqrt(sum((w_i (p_i - far_i))^2))`` with ``far_i`` the end of rate i's interval that lowers the sum, and
    likewise upwards.
    """
    down = up = 0.0
    for part in estimate.parts:
        n = float(part.denominator)
        if n == 0:
            continue
        p = float(part.numerator) / n
        low, high = wilson(float(part.numerator), n)
        below, above = (p - low, high - p) if part.weight > 0 else (high - p, p - low)
        down += (part.weight * below) ** 2
        up += (part.weight * above) ** 2
    value = float(estimate.value)
    return value - float(np.sqrt(down)), value + float(np.sqrt(up))


def is_sparse(part: Part) -> bool:
    """Say whether a rate is too close to 0 or 1 for resampling; an empty one is a constant and is not."""
    rest = part.denominator - part.numerator
    return bool(part.denominator > 0 and min(float(part.numerator), float(rest)) < SPARSE)
