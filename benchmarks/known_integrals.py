"""Zone integrals with known answers, on which errors and costs of the rules are measured.

Every case has its truth from elsewhere than the rule under test: a closed form (Chern numbers, the
Weyl nodes' distance), integrals along the contours of constant energy, or a mesh so dense that
more points change nothing that matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import j0

import w90spin as ws
from w90spin.arrays import FloatArray, IntArray
from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates, solve
from w90spin.model import toys
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm
from w90spin.response.claims import (
    Axis,
    Claims,
    EnergyScales,
    PublishedTensor,
    Response,
    TensorClaim,
)

BI = Path(__file__).parents[1] / "data" / "bi-monolayer" / "bi"

BILAYER = Path(__file__).parents[1] / "data" / "mnbi2te4-bilayer" / "mnbi2te4_2SL"

BILAYER_TRUTH = Path(__file__).with_name("mnbi2te4-bilayer.npz")
"""Tensors of the bilayer from a mesh with BILAYER_MESH points along each direction, made by running
this file."""

BILAYER_MESH = 120

AXES = Axis("component", ("x", "y", "z"))


@dataclass(frozen=True, eq=False)
class BerryCurvature:
    r"""Berry curvature of the occupied states, :math:`\sum_n f_n \Omega_n`, as an axial vector.

    Parameters
    ----------
    mu : float
        Fermi level. [eV]
    kT : float
        Temperature. [eV]
    eta : float
        Broadening of the energy denominators. [eV]
    """

    mu: float
    kT: float = 0.0
    eta: float = 0.0

    @property
    def claims(self) -> Claims:
        """What the house must know of it."""
        axes = (Axis("part", ("total",)), AXES)
        return Claims(
            name="berry_curvature",
            title="Berry curvature of the Fermi sea",
            needs=frozenset(),
            raw=(TensorClaim("omega", axes, -1, ("axial",)),),
            published=(PublishedTensor("omega", "Ω", axes, "", 2, "Berry curvature"),),
            reference="closed forms",
        )

    @property
    def levels(self) -> list[float]:
        """Fermi level. [eV]"""
        return [self.mu]

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(self.kT, self.eta, 0.0)

    def _pairs(self, states: BlochStates) -> tuple[FloatArray, FloatArray]:
        f_kn = fermi(states.energy_kn, np.array([self.mu]), np.array([self.kT]))[:, 0, 0]
        gap_knm = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
        velocity = states.velocity_kanm
        same = states.block_kn[:, :, None] == states.block_kn[:, None, :]
        weight = np.where(same, 0.0, 1.0 / np.where(same, 1.0, gap_knm**2 + self.eta**2))
        cross = np.stack(
            [
                velocity[:, (c + 1) % 3] * velocity[:, (c + 2) % 3].swapaxes(-1, -2)
                for c in range(3)
            ],
            axis=1,
        )
        half_f_knm = 0.5 * (f_kn[:, :, None] - f_kn[:, None, :])
        return -2.0 * cross.imag * weight[:, None], half_f_knm

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Ω of the occupied states, shape (k, part, component)."""
        curvature_kcnm, f_knm = self._pairs(states)
        return {"omega": (curvature_kcnm * f_knm[:, None]).sum(axis=(-1, -2))[:, None]}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Moduli of what is added up, shape (k, part)."""
        curvature_kcnm, f_knm = self._pairs(states)
        size_knm = np.linalg.norm(curvature_kcnm * f_knm[:, None], axis=1)
        return {"omega": size_knm.sum(axis=(-1, -2))[:, None]}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Nothing is promised."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """As it is."""
        return dict(raw)

    def parameters(self) -> dict[str, object]:
        """Physical parameters."""
        return {"mu": self.mu, "kT": self.kT, "eta": self.eta}


@dataclass(frozen=True, eq=False)
class FermiSurfaceSpin:
    r"""Spin density per field and relaxation time: all of it from the Fermi surface.

    .. math::

        \sum_n \left(-\frac{\partial f}{\partial\varepsilon}\right)
            \langle n|\sigma_s|n\rangle\,\langle n|v_b|n\rangle

    Parameters
    ----------
    mu : float
        Fermi level. [eV]
    kT : float
        Temperature, not 0. [eV]
    """

    mu: float
    kT: float

    @property
    def claims(self) -> Claims:
        """What the house must know of it."""
        axes = (Axis("part", ("total",)), Axis("spin", AXES.values), Axis("field", AXES.values))
        return Claims(
            name="fermi_surface_spin",
            title="spin times velocity on the Fermi surface",
            needs=frozenset({"spin"}),
            raw=(TensorClaim("surface", axes, +1),),
            published=(PublishedTensor("surface", "K", axes, "", 1, "spin times velocity"),),
            reference="contours of constant energy",
        )

    @property
    def levels(self) -> list[float]:
        """Fermi level. [eV]"""
        return [self.mu]

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(self.kT, 0.0, 0.0, surface=self.kT)

    def by_band(self, states: BlochStates) -> FloatArray:
        """Spin times velocity of every band, shape (k, n, s, b)."""
        spin_kns = np.einsum("ksnn->kns", states.spin_ksnm).real
        velocity_knb = np.einsum("kbnn->knb", states.velocity_kanm).real
        return spin_kns[:, :, :, None] * velocity_knb[:, :, None, :]

    def _surface(self, states: BlochStates) -> FloatArray:
        """-∂f/∂ε. [1/eV]"""
        x_kn = np.clip((states.energy_kn - self.mu) / self.kT, -700.0, 700.0)
        return 0.25 / (self.kT * np.cosh(0.5 * x_kn) ** 2)

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Spin times velocity on the Fermi surface, shape (k, part, s, b)."""
        total = np.einsum("kn,knsb->ksb", self._surface(states), self.by_band(states))
        return {"surface": total[:, None]}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Moduli of what is added up, shape (k, part)."""
        size_kn = np.linalg.norm(self.by_band(states), axis=(-1, -2))
        return {"surface": (self._surface(states) * size_kn).sum(axis=1)[:, None]}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Nothing is promised."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """As it is."""
        return dict(raw)

    def parameters(self) -> dict[str, object]:
        """Physical parameters."""
        return {"mu": self.mu, "kT": self.kT}


@dataclass(frozen=True, eq=False)
class SpectralFunction:
    r"""Density of states with Lorentzians, -Im Tr G/π: poles at a distance η from real k.

    Parameters
    ----------
    mu : float
        Energy. [eV]
    eta : float
        Broadening. [eV]
    """

    mu: float
    eta: float

    @property
    def claims(self) -> Claims:
        """What the house must know of it."""
        axes = (Axis("part", ("total",)),)
        return Claims(
            name="spectral_function",
            title="spectral function",
            needs=frozenset(),
            raw=(TensorClaim("spectrum", axes, +1, ()),),
            published=(PublishedTensor("spectrum", "A", axes, "1/eV", 0, "spectral function"),),
            reference="J. Kaye, S. Beck, A. Barnett, L. Van Munoz, O. Parcollet (2023)",
        )

    @property
    def levels(self) -> list[float]:
        """Energy. [eV]"""
        return [self.mu]

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(0.0, self.eta, 0.0, surface=self.eta)

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Lorentzians of all bands, shape (k, part)."""
        away_kn = states.energy_kn - self.mu
        lorentzian_kn = self.eta / math.pi / (away_kn**2 + self.eta**2)
        return {"spectrum": lorentzian_kn.sum(axis=1, keepdims=True)}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Nothing cancels."""
        return self(states)

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Nothing is promised."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """As it is."""
        return dict(raw)

    def parameters(self) -> dict[str, object]:
        """Physical parameters."""
        return {"mu": self.mu, "eta": self.eta}


@dataclass(frozen=True, eq=False)
class ThermalDensity:
    r"""Density of states at the Fermi level: :math:`\sum_n(-\partial f/\partial\varepsilon)`.

    Parameters
    ----------
    mu : float
        Fermi level. [eV]
    kT : float
        Temperature, not 0. [eV]
    """

    mu: float
    kT: float

    @property
    def claims(self) -> Claims:
        """What the house must know of it."""
        axes = (Axis("part", ("total",)),)
        return Claims(
            name="thermal_density",
            title="density of states",
            needs=frozenset(),
            raw=(TensorClaim("density", axes, +1, ()),),
            published=(PublishedTensor("density", "D", axes, "1/eV", 0, "density of states"),),
            reference="closed forms",
        )

    @property
    def levels(self) -> list[float]:
        """Fermi level. [eV]"""
        return [self.mu]

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(self.kT, 0.0, 0.0, surface=self.kT)

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """-∂f/∂ε of all bands, shape (k, part)."""
        x_kn = np.clip((states.energy_kn - self.mu) / self.kT, -700.0, 700.0)
        return {"density": (0.25 / self.kT / np.cosh(0.5 * x_kn) ** 2).sum(axis=1, keepdims=True)}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Nothing cancels."""
        return self(states)

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Nothing is promised."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """As it is."""
        return dict(raw)

    def parameters(self) -> dict[str, object]:
        """Physical parameters."""
        return {"mu": self.mu, "kT": self.kT}


def lattice_density(mu: float, kT: float, hopping: float, dimension: int) -> float:
    r"""Of one band, :math:`2t\sum_c\cos 2\pi k_c`, by Fourier's integral over time.

    .. math::

        \frac1\pi\int_0^\infty d\tau\,\cos(\mu\tau)\,
            \frac{\pi kT\tau}{\sinh\pi kT\tau}\,J_0(2t\tau)^d

    The integrand is smooth and falls off exponentially, so that the trapezoidal sum converges as
    soon as its step is below the period of the band's edge.
    """
    step = math.pi / (4.0 * (2.0 * dimension * abs(hopping) + abs(mu)))
    tau_t = step * np.arange(1, math.ceil(40.0 / (math.pi * kT) / step))
    thermal_t = math.pi * kT * tau_t / np.sinh(math.pi * kT * tau_t)
    terms_t = np.cos(mu * tau_t) * thermal_t * j0(2.0 * hopping * tau_t) ** dimension
    return step / math.pi * (0.5 + float(terms_t.sum()))


@dataclass(frozen=True, eq=False)
class Case:
    """One integral.

    Parameters
    ----------
    name : str
        What it is.
    model : callable
        Makes the model.
    response : callable
        Makes the response.
    dense : int
        Points along each direction of the mesh that gives the truth; 0 with a closed form.
    exact : callable, optional
        The closed form, as published tensors.
    usual : int
        Points along each direction of the mesh that people use for such an integral.
    max_points : int
        Where every rule gives up, for integrands that cost much at each point.
    """

    name: str
    model: Callable[[], WannierModel]
    response: Callable[[WannierModel], Response]
    dense: int
    usual: int
    exact: Callable[[WannierModel], dict[str, FloatArray]] | None = None
    max_points: int = 400_000

    def truth(
        self, model: WannierModel, symmetry: ZoneSymmetry | None = None
    ) -> dict[str, FloatArray]:
        """Published tensors without error, or nearly, as the symmetry wants them."""
        if self.exact is not None:
            return self.exact(model)
        dense = integrate(
            FourierSum(model),
            [self.response(model)],
            UniformMesh(n=self.dense),
            comm=Comm(),
            symmetry=symmetry,
        )
        return dense.values[0]


def _dasp(
    mu: float, omega: list[float], **more: float
) -> Callable[[WannierModel], ws.SpinPolarizability]:
    return lambda model: ws.SpinPolarizability(omega_w=omega, mu_f=mu, **more)


def _chern(number: int) -> Callable[[WannierModel], dict[str, FloatArray]]:
    """∫ Ω d²k/(2π)² = C/2π along z."""
    return lambda model: {"omega": np.array([[0.0, 0.0, number / (2.0 * math.pi)]])}


def _weyl(k0: float) -> Callable[[WannierModel], dict[str, FloatArray]]:
    """The planes between the nodes, 2 k0 of them per length, are Chern insulators."""
    sign = -1.0
    return lambda model: {"omega": np.array([[0.0, 0.0, sign * 2.0 * k0 / (2.0 * math.pi) ** 2]])}


def _contours(
    response: FermiSurfaceSpin, angles: int = 128
) -> Callable[[WannierModel], dict[str, FloatArray]]:
    r"""Integrals along the contours of constant energy around Γ, then over energy.

    .. math::

        \int d\varepsilon \left(-\frac{\partial f}{\partial\varepsilon}\right)
        \sum_n \oint \frac{d\theta}{(2\pi)^2}\,
        \frac{k_n(\theta,\varepsilon)}{\hat{\mathbf k}\cdot\mathbf v_n}\, g_n

    Both trapezoidal sums converge exponentially.  Every band must cross each energy once along
    each direction between Γ and the nearest edge of a square zone.
    """
    reach, spacing = 36.0, 0.5

    def exact(model: WannierModel) -> dict[str, FloatArray]:
        fourier = FourierSum(model)
        x_e = np.arange(-reach, reach + 0.5 * spacing, spacing)
        weight_e = spacing * 0.25 / np.cosh(0.5 * x_e) ** 2
        theta_t = 2.0 * np.pi * np.arange(angles) / angles
        energy_k = np.repeat(response.mu + response.kT * x_e, angles)
        unit_ka = np.tile(
            np.stack([np.cos(theta_t), np.sin(theta_t), np.zeros(angles)], axis=1), (len(x_e), 1)
        )

        def states(radius_k: FloatArray) -> BlochStates:
            kpt_kc = radius_k[:, None] * unit_ka @ model.cell_ca.T / (2.0 * np.pi)
            return solve(fourier, KPoints(kpt_kc), 0.0)

        total_sb = np.zeros((3, 3))
        for n in range(model.n_wann):
            low_k = np.zeros(len(energy_k))
            high_k = np.full(len(energy_k), np.pi / np.linalg.norm(model.cell_ca[0]))
            for _ in range(8):
                middle_k = 0.5 * (low_k + high_k)
                below_k = states(middle_k).energy_kn[:, n] < energy_k
                low_k = np.where(below_k, middle_k, low_k)
                high_k = np.where(below_k, high_k, middle_k)
            radius_k = 0.5 * (low_k + high_k)
            for _ in range(6):
                here = states(radius_k)
                slope_k = np.einsum("ka,kann->kn", unit_ka, here.velocity_kanm.real)[:, n]
                radius_k = radius_k - (here.energy_kn[:, n] - energy_k) / slope_k
            here = states(radius_k)
            slope_k = np.einsum("ka,kann->kn", unit_ka, here.velocity_kanm.real)[:, n]
            line_k = np.repeat(weight_e, angles) * radius_k / slope_k / angles / (2.0 * np.pi)
            total_sb += np.einsum("k,ksb->sb", line_k, response.by_band(here)[:, n])
        return {"surface": total_sb[None]}

    return exact


def gapped_cases() -> list[Case]:
    """Smooth integrands: every rule converges."""
    cases = [
        Case(
            f"massive Dirac electrons, ħω = {zeta:g} of the gap",
            lambda: toys.qwz(m=-0.2, v=2.0, wilson=0.5),
            _dasp(0.0, [zeta * 0.4]),
            dense=1200 if zeta > 0.95 else 480,
            usual=200,
        )
        for zeta in (0.1, 0.5, 0.9, 0.99)
    ]
    cases += [
        Case(
            "Chern number of massive Dirac electrons",
            lambda: toys.qwz(m=-0.2, v=2.0, wilson=0.5),
            lambda model: BerryCurvature(0.0),
            0,
            200,
            _chern(-1),
        ),
        Case(
            "Chern number of Haldane's model",
            toys.haldane,
            lambda model: BerryCurvature(0.0),
            0,
            100,
            _chern(-1),
        ),
        Case(
            "Kane-Mele, deep in the topological phase",
            lambda: toys.kane_mele(rashba=0.05, m=0.1),
            _dasp(0.0, [0.0, 0.2]),
            480,
            100,
        ),
        Case(
            "Kane-Mele, close to the transition",
            lambda: toys.kane_mele(rashba=0.01, m=0.28),
            _dasp(0.0, [0.0]),
            1200,
            200,
        ),
        Case(
            "nearly flat bands",
            lambda: toys.random_model(4, 2, 7, gap=0.3, bandwidth=0.02, decay=0.5),
            _dasp(0.0, [0.0, 0.2]),
            480,
            100,
        ),
        Case(
            "nodal line with a gap of 0.2 eV",
            lambda: toys.nodal_line(gap=0.2),
            _dasp(0.0, [0.0]),
            240,
            50,
        ),
        Case(
            "random hoppings of six orbitals",
            lambda: toys.random_model(6, 2, 3, gap=0.05, bandwidth=3.0, reach=3),
            _dasp(0.0, [0.0, 0.1]),
            480,
            100,
        ),
        Case(
            "Bi monolayer",
            lambda: ws.symmetrised(ws.load_model(BI))[0],
            _dasp(1.42245, [0.0, 0.2]),
            300,
            100,
            max_points=30_000,
        ),
    ]
    return cases


def sharp_cases() -> list[Case]:
    """Fermi surfaces, Weyl nodes and narrow broadenings."""
    return [
        Case(
            "Rashba electrons, kT = 25 meV",
            lambda: toys.rashba_square(alpha=0.5),
            _dasp(0.5, [0.0], kT=0.025, eta=0.05),
            1200,
            200,
        ),
        Case(
            "Rashba electrons, kT = 5 meV",
            lambda: toys.rashba_square(alpha=0.5),
            _dasp(0.5, [0.0], kT=0.005, eta=0.05),
            2400,
            500,
        ),
        Case(
            "Weyl pair, anomalous Hall",
            lambda: toys.weyl_pair(k0=0.3),
            lambda model: BerryCurvature(0.0),
            0,
            100,
            _weyl(0.3),
        ),
        Case(
            "random metal of six orbitals, kT = 10 meV",
            lambda: toys.random_model(6, 2, 5),
            _dasp(0.2, [0.0, 0.3], kT=0.01, eta=0.05),
            1200,
            300,
            max_points=100_000,
        ),
    ]


def surface_cases() -> list[Case]:
    """Fermi surfaces in two dimensions, thin ones among them."""

    def case(mass: float, kT: float, usual: int) -> Case:
        response = FermiSurfaceSpin(0.5, kT)
        return Case(
            f"Rashba Fermi surface, mass {mass:g}, kT = {1e3 * kT:g} meV",
            lambda: toys.rashba_square(mass=mass, alpha=0.5),
            lambda model: response,
            0,
            usual,
            _contours(response),
        )

    return [case(m, kT, usual) for m in (0.5, 0.05) for kT, usual in ((5e-3, 500), (1e-4, 2000))]


def magnetic_cases() -> list[Case]:
    """Berry curvatures that do not vanish, for codes that have no spin polarisability."""
    insulators = [case for case in gapped_cases() if case.name.startswith("Chern")]
    weyl = [case for case in sharp_cases() if case.name.startswith("Weyl")]
    return [
        *insulators,
        *weyl,
        Case(
            "doped massive Dirac electrons, kT = 10 meV",
            lambda: toys.qwz(m=-0.2, v=2.0, wilson=0.5),
            lambda model: BerryCurvature(0.4, kT=0.01),
            1200,
            300,
        ),
        Case(
            "random magnetic metal of two orbitals, kT = 10 meV",
            lambda: toys.random_model(2, 2, 5, position=0.0),
            lambda model: BerryCurvature(0.2, kT=0.01),
            1800,
            300,
        ),
    ]


def bilayer_case() -> Case:
    """Bilayer MnBi2Te4 by layers: 92 Wannier functions, about 12 ms at every point."""

    def response(model: WannierModel) -> ws.SpinPolarizability:
        layers = ws.partition(model, by="layer")
        return ws.SpinPolarizability(omega_w=[0.0, 0.02], mu_f=3.125005, parts=layers)

    def stored(model: WannierModel) -> dict[str, FloatArray]:
        with np.load(BILAYER_TRUTH) as saved:
            return dict(saved)

    def symmetrised() -> WannierModel:
        model = ws.load_model(BILAYER)
        return ws.symmetrised(model, group=ws.measure_symmetry(model).subgroup())[0]

    return Case(
        "bilayer MnBi2Te4, by layers",
        symmetrised,
        response,
        BILAYER_MESH,
        60,
        stored,
        max_points=6_000,
    )


def store_bilayer_truth() -> None:
    """Integrate the bilayer on a mesh beyond need, and keep the tensors beside this file."""
    case = replace(bilayer_case(), exact=None)
    truth = case.truth(case.model())
    real = {name: value for name, value in truth.items() if not np.iscomplexobj(value)}
    np.savez_compressed(BILAYER_TRUTH, **real)


if __name__ == "__main__":
    store_bilayer_truth()
