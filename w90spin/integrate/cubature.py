"""Embedded rules on the cell [-1, 1]^d, normalised to volume 1."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from w90spin.arrays import FloatArray, IntArray

KRONROD_NODES = np.array(
    [
        0.991455371120812639206854697526329,
        0.949107912342758524526189684047851,
        0.864864423359769072789712788640926,
        0.741531185599394439863864773280788,
        0.586087235467691130294144691693013,
        0.405845151377397166906606412076961,
        0.207784955007898467600689403773245,
        0.000000000000000000000000000000000,
    ]
)
KRONROD_WEIGHTS = np.array(
    [
        0.022935322010529224963732008058970,
        0.063092092629978553290700663189204,
        0.104790010322250183839876322541518,
        0.140653259715525918745189590510238,
        0.169004726639267902826583426598550,
        0.190350578064785409913256402421014,
        0.204432940075298892414161999234649,
        0.209482141084727828012999174891714,
    ]
)
GAUSS_WEIGHTS = np.array(
    [
        0.129484966168869693270611432679082,
        0.279705391489276667901467771423780,
        0.381830050505118944950369775488975,
        0.417959183673469387755102040816327,
    ]
)


LINE_NODES = np.array(
    [
        0.960491268708020283423507092629080,
        0.774596669241483377035853079956480,
        0.434243749346802558002071502844628,
        0.000000000000000000000000000000000,
    ]
)
LINE_WEIGHTS = np.array(
    [
        0.104656226026467265193823857192073,
        0.268488089868333440728569280666710,
        0.401397414775962222905051818618432,
        0.450916538658474142345110087045571,
    ]
)

NULL_DEGREES = ((1, 2), (3, 4), (5, 6))
"""Degrees of the polynomials whose shares in an integrand tell how fast they fall off."""


@dataclass(frozen=True, eq=False)
class Cubature:
    """Nodes of a rule with an embedded one of lower degree.

    Parameters
    ----------
    node_pc : float array (p, c)
        Nodes in [-1, 1]^d.
    weight_p : float array (p)
        Weights of the rule; they add up to 1.
    difference_p : float array (p)
        Weights of the rule minus those of the embedded one.
    fourth_cp : float array (c, p)
        Fourth differences along each direction: tell where to split a cell.
    """

    node_pc: FloatArray
    weight_p: FloatArray
    difference_p: FloatArray
    fourth_cp: FloatArray


@lru_cache(maxsize=8)
def gauss_kronrod() -> Cubature:
    """Kronrod's rule with 15 points (degree 22), Gauss's with 7 embedded (degree 13)."""
    node_p = np.concatenate([-KRONROD_NODES, KRONROD_NODES[-2::-1]])
    weight_p = np.concatenate([KRONROD_WEIGHTS, KRONROD_WEIGHTS[-2::-1]]) / 2.0
    gauss_p = np.zeros(15)
    gauss_p[1:8:2] = GAUSS_WEIGHTS / 2.0
    gauss_p[9:14:2] = GAUSS_WEIGHTS[2::-1] / 2.0
    return Cubature(node_p[:, None], weight_p, weight_p - gauss_p, np.zeros((1, 15)))


@lru_cache(maxsize=8)
def genz_malik(dimension: int) -> Cubature:
    """Rule of degree 7 with an embedded one of degree 5, in two or more dimensions.

    Parameters
    ----------
    dimension : int
        d.

    Returns
    -------
    Cubature
        With 1 + 2d + 2d + 2d(d-1) + 2^d nodes.

    References
    ----------
    A. C. Genz, A. A. Malik, J. Comput. Appl. Math. 6, 295 (1980).
    """
    d = dimension
    inner, outer, corner = np.sqrt([9.0 / 70.0, 9.0 / 10.0, 9.0 / 19.0])
    one = np.eye(d)
    nodes: list[FloatArray] = [np.zeros(d)]
    nodes += [sign * inner * one[c] for c in range(d) for sign in (1, -1)]
    nodes += [sign * outer * one[c] for c in range(d) for sign in (1, -1)]
    nodes += [
        outer * (first * one[a] + second * one[b])
        for a, b in itertools.combinations(range(d), 2)
        for first, second in itertools.product((1, -1), repeat=2)
    ]
    nodes += [corner * np.array(signs) for signs in itertools.product((1, -1), repeat=d)]
    counts: IntArray = np.array([1, 2 * d, 2 * d, 2 * d * (d - 1), 2**d])
    seven = [
        (12824 - 9120 * d + 400 * d**2) / 19683,
        980 / 6561,
        (1820 - 400 * d) / 19683,
        200 / 19683,
        6859 / 19683 / 2**d,
    ]
    five = [(729 - 950 * d + 50 * d**2) / 729, 245 / 486, (265 - 100 * d) / 1458, 25 / 729, 0.0]
    weight_p = np.repeat(seven, counts)
    fourth_cp = np.zeros((d, len(nodes)))
    ratio = (inner / outer) ** 2
    for c in range(d):
        fourth_cp[c, 0] = -2.0 + 2.0 * ratio
        fourth_cp[c, 1 + 2 * c : 3 + 2 * c] = 1.0
        fourth_cp[c, 1 + 2 * d + 2 * c : 3 + 2 * d + 2 * c] = -ratio
    return Cubature(np.array(nodes), weight_p, weight_p - np.repeat(five, counts), fourth_cp)


@dataclass(frozen=True, eq=False)
class LineRule:
    """Kronrod's rule with 7 points (degree 10) on [-1, 1], normalised to length 1.

    Parameters
    ----------
    node_p : float array (p)
        Nodes.
    weight_p : float array (p)
        Weights; they add up to 1.
    null_edp : float array (e, d, p)
        For each pair d of :data:`NULL_DEGREES`, weights that give an integrand's coefficients of
        the polynomials that are orthonormal on the nodes.
    """

    node_p: FloatArray
    weight_p: FloatArray
    null_edp: FloatArray


@lru_cache(maxsize=1)
def line_rule() -> LineRule:
    """The rule for one-dimensional integrals inside one another."""
    node_p = np.concatenate([-LINE_NODES, LINE_NODES[-2::-1]])
    weight_p = np.concatenate([LINE_WEIGHTS, LINE_WEIGHTS[-2::-1]]) / 2.0
    root_p = np.sqrt(weight_p)
    vandermonde_pm = np.polynomial.legendre.legvander(node_p, len(node_p) - 1)
    orthonormal_pm, _ = np.linalg.qr(root_p[:, None] * vandermonde_pm)
    null_mp = (root_p[:, None] * orthonormal_pm).T
    return LineRule(node_p, weight_p, np.array([[null_mp[m] for m in d] for d in NULL_DEGREES]))
