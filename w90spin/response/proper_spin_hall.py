"""Spin Hall conductivity in the definitions that correct the conventional spin current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.kspace.blocks import block_sums, degenerate_blocks, same_block
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.response.interband import NEGLIGIBLE_OCCUPATION, active_bands
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.promise import bands_below, refuse_crossing
from w90spin.units import SPIN_AXES

NEAR_GAP = 0.01
"""Bands closer than this at one k are near-degenerate. [eV]"""

CURL = ((1, 2), (2, 0), (0, 1))
"""Flow and field of the components of an antisymmetric tensor, by its normal x, y, z."""

DEFINITIONS = ("conventional", "liu2023_printed", "band_transport", "c6", "c7")
"""Tensors that are definitions, or pieces of them, wherever the bands may be filled."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ProperSpinHall(AtLevels):
    r"""Intrinsic spin Hall conductivity in several definitions, with what tells them apart.

    With q = -1 and ħ = 1, bands m, n of different degenerate blocks, occupations averaged over
    each block, :math:`R = A` the interband connection, and the spin S = σ/2 split into its part
    :math:`S_d` inside blocks and the rest :math:`S_o`:

    .. math::

        \rho^b_{mn} &= R^b_{mn} \frac{f_m - f_n}{\epsilon_m - \epsilon_n} \\
        \text{conventional} &= \int_k \tfrac12 \mathrm{Tr}\, S \{V^a, \rho^b\} \\
        \text{liu2023 printed} &= \int_k \mathrm{Tr} f\, i (R^a S_d R^b - R^b S_d R^a) \\
        \text{band transport} &= \int_k \mathrm{Tr} f\, S_d\, i (R^a R^b - R^b R^a)

    a is the direction of the flow and b that of the field.  The pieces are

    - c6, c7: the conventional current of :math:`S_d` and of :math:`S_o`; c6 is the mean of the
      printed and the band-transport form,
    - tdip1 = -c7 and tdip2 = (band transport - printed)/2: the torque dipole; ``tdip2_printed`` is
      its opposite, as equations (C19)-(C24) of the paper have it,

    so that c6 + c7 + tdip1 + tdip2 is the band-transport form, and with ``tdip2_printed`` the
    printed one.  For insulators ``shi`` is the current whose divergence is the whole change of
    the spin at finite wave vector, :math:`\partial \langle S \rangle / \partial B`.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by, :math:`S_l = \{P_l, S\}/2`.
    insulator : bool
        Promise that no Fermi level crosses a band, which adds ``shi``; a broken promise is an
        error.
    near : float
        Pairs of bands closer than this, or than kT, make up the near-degenerate share, and bands
        closer than this are blocks in the "regrouped" tensors. [eV]
    outside : bool
        Also find what the Wannier functions leave out: the derivative of the spin that no band
        here makes, and the curvature that they inherit.

    Raises
    ------
    ResponseError
        For parameters that cannot be.

    Notes
    -----
    The definitions agree where the spin is conserved, and nowhere else: quote none without its
    name.  All but the conventional one presuppose bands farther apart than their broadening.

    References
    ----------
    H. Liu, J. H. Cullen, D. Culcer, Phys. Rev. B 108, 195434 (2023); C. Xiao, Q. Niu, Phys. Rev. B
    104, L241411 (2021); J. Shi et al., Phys. Rev. Lett. 96, 076604 (2006).
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset({"spin"})}

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    parts: Partition | None = None
    insulator: bool = False
    near: float = NEAR_GAP
    outside: bool = True

    def __post_init__(self) -> None:
        settle(self, "proper_spin_hall", ("mu_f", "kT"), ("near",))

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), 0.0, 0.0)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        head = occupation_axes(self.parts, self._kT_t, self._mu_f)
        part, _, mu = head
        flow = Axis("flow", SPIN_AXES, "", "Cartesian direction of the flow")
        field = Axis("field", SPIN_AXES, "", "Cartesian component of the electric field")
        spin = Axis("spin", SPIN_AXES, "", "Cartesian component of the spin")
        normal = Axis("normal", SPIN_AXES, "", "normal of the plane of flow and field")
        across, current, torque = (normal, spin), (flow, field, spin), (field, spin)

        def curl(name: str, *axes: Axis, chased: bool = True) -> TensorClaim:
            # Antisymmetric in flow and field: an axial vector along the normal of their plane.
            return TensorClaim(name, (*axes, *across), +1, ("axial", "axial"), chased)

        def scalar(name: str) -> TensorClaim:
            return TensorClaim(name, head, +1, (), chased=False)

        def of_torque(name: str) -> TensorClaim:
            return TensorClaim(name, (*head, *torque), +1, ("polar", "axial"), chased=False)

        raw = [
            TensorClaim("conventional", (*head, *current), +1, ("polar", "polar", "axial")),
            curl("liu2023_printed", *head),
            curl("band_transport", *head),
            curl("liu2023_printed_near", *head, chased=False),
            curl("band_transport_near", *head, chased=False),
            curl("liu2023_printed_regrouped", *head, chased=False),
            curl("band_transport_regrouped", *head, chased=False),
            curl("liu2023_printed_filled", part, chased=False),
            of_torque("torque"),
            scalar("torque_scale"),
            scalar("straddling"),
        ]
        if self.outside:
            raw.append(of_torque("torque_outside"))
            raw.append(curl("band_transport_outside", *head, chased=False))
        if self.insulator:
            raw.append(curl("shi", part, mu))

        def per_field(name: str, symbol: str, words: str, *axes: Axis) -> PublishedTensor:
            return PublishedTensor(name, symbol, (*(axes or head), *current), "|e|", 2, words)

        published = [
            per_field("conventional", "σ", "conventional spin current"),
            per_field("liu2023_printed", "σ(Liu)", "final formula of Liu et al. as printed"),
            per_field("band_transport", "σ(band)", "their definition, indices in place"),
            per_field("c6", "σ(C6)", "conventional current of the spin inside blocks"),
            per_field("c7", "σ(C7)", "conventional current of the spin between blocks"),
            per_field("tdip1", "τ₁", "first torque dipole, -C7"),
            per_field("tdip2", "τ₂", "second torque dipole, (band - Liu)/2"),
            per_field("tdip2_printed", "τ₂(Liu)", "second torque dipole as printed"),
            per_field("liu2023_printed_near", "σ(Liu, near)", "share of near-degenerate bands"),
            per_field("band_transport_near", "σ(band, near)", "share of near-degenerate bands"),
            per_field("liu2023_printed_regrouped", "σ(Liu, near = one)", "near bands in blocks"),
            per_field("band_transport_regrouped", "σ(band, near = one)", "near bands in blocks"),
            per_field("liu2023_printed_filled", "σ(Liu, all)", "value of all bands filled", part),
            PublishedTensor("torque", "T", (*head, *torque), "|e|", 1, "net torque per field"),
            PublishedTensor("torque_scale", "|T|", head, "|e|", 1, "moduli behind the net torque"),
            PublishedTensor("straddling", "n(μ)", head, "", 0, "occupation moved inside blocks"),
        ]
        if self.outside:
            words = "net torque from outside the model"
            published += [
                PublishedTensor("torque_outside", "T(DS)", (*head, *torque), "|e|", 1, words),
                per_field("band_transport_outside", "σ(band, F)", "what inherited curvature adds"),
            ]
        if self.insulator:
            published.append(per_field("shi", "σ(Shi)", "d⟨S⟩/dB of filled bands", part, mu))
        return Claims(
            name="proper_spin_hall",
            title="Spin Hall conductivity in several definitions",
            needs=self.needs[""],
            raw=tuple(raw),
            published=tuple(published),
            reference="H. Liu et al., PRB 108, 195434 (2023), with corrections",
            extras=frozenset({"curl", "dspin"} if self.outside else ()),
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of every raw tensor.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, *components)
            Spin currents in Å², torques in Å.

        Raises
        ------
        MissingOperatorError
            If the model carries no spin.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        """
        below_kf = self.occupied_bands(states)
        if below_kf is not None:
            refuse_crossing(self.levels, below_kf, states.kpt_kc)
        batch = _Batch(states, self.parts, self._mu_f, self._kT_t)
        conventional, torque, scale = batch.transitions()
        near_tknm = [batch.gap_knm < max(self.near, float(kT)) for kT in self._kT_t]
        printed_kqcsn, transport_kqcsn = batch.curvatures()
        tensors = {
            "conventional": conventional,
            "liu2023_printed": batch.occupied(printed_kqcsn),
            "band_transport": batch.occupied(transport_kqcsn),
            **batch.near_share(near_tknm),
            **self._regrouped(states, batch, printed_kqcsn, transport_kqcsn),
            "liu2023_printed_filled": printed_kqcsn.sum(axis=-1),
            "torque": torque,
            "torque_scale": scale,
            "straddling": batch.straddling(),
        }
        if self.outside:
            slope_kqbsn, curvature_kqcsn = batch.outside()
            tensors["torque_outside"] = batch.occupied(slope_kqbsn)
            tensors["band_transport_outside"] = batch.occupied(curvature_kqcsn)
        if below_kf is not None:
            tensors["shi"] = batch.at_finite_wave_vector(below_kf[0])
        return tensors

    def _regrouped(
        self, states: BlochStates, batch: _Batch, *curvatures: FloatArray
    ) -> dict[str, FloatArray]:
        """Both forms with near-degenerate bands in one block; curvatures as they are, if they are
        in one already.
        """
        block_kn = degenerate_blocks(states.energy_kn, max(self.near, states.tolerance))
        if (block_kn != states.block_kn).any():
            batch = _Batch(states, self.parts, self._mu_f, self._kT_t, block_kn)
            curvatures = batch.curvatures()
        names = ("liu2023_printed_regrouped", "band_transport_regrouped")
        return {name: batch.occupied(value) for name, value in zip(names, curvatures, strict=True)}

    def bands(self, states: BlochStates) -> dict[str, FloatArray]:
        """Definitions, their pieces and the torque of single bands, summed over blocks.

        All bands outside the block take part, occupied or not; ``mu_f`` and ``kT`` are not used.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, n, part, flow, field, spin)
            Without "shi" and the shares, in which single bands have none. [Å² |e|]  "torque" has
            the axes (k, n, part, field, spin). [Å |e|]
        """
        batch = _Batch(states, self.parts, self._mu_f, self._kT_t)
        current_kqabsn, torque_kqbsn = batch.of_bands()
        printed_kqcsn, transport_kqcsn = batch.curvatures()
        raw = {
            "conventional": current_kqabsn,
            "liu2023_printed": printed_kqcsn,
            "band_transport": transport_kqcsn,
            "torque": torque_kqbsn,
        }
        if self.outside:
            raw["torque_outside"], raw["band_transport_outside"] = batch.outside()
        n_k, n = states.energy_kn.shape
        sums = {}
        for name, value in raw.items():
            block_kxn = block_sums(value.reshape(n_k, -1, n), states.block_kn)
            sums[name] = np.moveaxis(block_kxn.reshape(value.shape), -1, 1)
        return self.publish(sums)

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up: below it, digits are cancellation.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu)
            Spin currents in Å², torques in Å.
        """
        batch = _Batch(states, self.parts, self._mu_f, self._kT_t)
        conventional, torque = batch.moduli_of_transitions()
        transport, filled_kq = batch.moduli_of_curvatures()
        carriers_ktf = 2.0 * batch.occupation_ktfn.sum(axis=-1)
        sizes = {
            "conventional": conventional,
            "liu2023_printed": transport,
            "band_transport": transport,
            "liu2023_printed_near": transport,
            "band_transport_near": transport,
            "liu2023_printed_regrouped": transport,
            "band_transport_regrouped": transport,
            "liu2023_printed_filled": filled_kq,
            "torque": torque,
            "torque_scale": torque,
            "straddling": np.broadcast_to(carriers_ktf[:, None], batch.shape),
        }
        if self.outside:
            for name, value in zip(
                ("torque_outside", "band_transport_outside"), batch.outside(), strict=True
            ):
                norm_kqn = np.linalg.norm(value, axis=(2, 3))
                sizes[name] = batch.occupied(norm_kqn[:, :, None, None])[..., 0, 0]
        if (below_kf := self.occupied_bands(states)) is not None:
            shi = np.linalg.norm(batch.at_finite_wave_vector(below_kf[0]), axis=(-2, -1))
            sizes["shi"] = np.maximum(shi, conventional.max(axis=2))
        return {claim.name: sizes[claim.name] for claim in self.claims.raw}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same at all k.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        int array (k, f), or None
            None without the promise of an insulator.
        """
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Definitions and their pieces, all with axes flow, field and spin.

        Parameters
        ----------
        raw : mapping of float arrays
            Raw tensors, with any leading axes before those of the claims.

        Returns
        -------
        dict of arrays
            Published tensors.
        """
        curls = {
            claim.name
            for claim in self.claims.raw
            if any(axis.name == "normal" for axis in claim.axes)
        }
        tensors = {
            name: _from_curl(value) if name in curls else value for name, value in raw.items()
        }
        printed, transport = tensors["liu2023_printed"], tensors["band_transport"]
        c6, dipole = 0.5 * (printed + transport), 0.5 * (transport - printed)
        c7 = tensors["conventional"] - c6
        pieces = {"c6": c6, "c7": c7, "tdip1": -c7, "tdip2": dipole, "tdip2_printed": -dipole}
        found = {**tensors, **pieces}
        return {
            claim.name: found[claim.name] for claim in self.claims.published if claim.name in found
        }

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "insulator": self.insulator,
            "near": self.near,
            "outside": self.outside,
            "parts": list(self.parts.names) if self.parts else [],
        }


class _Batch:
    """Matrices between the bands at a batch of k, and the sums over bands that use them.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    parts : Partition, or None
        Projectors of the spin.
    mu_f, kT_t : float arrays
        Fermi levels and temperatures. [eV]
    block_kn : int array (k, n), optional
        Other blocks than those of the states.
    """

    def __init__(
        self,
        states: BlochStates,
        parts: Partition | None,
        mu_f: FloatArray,
        kT_t: FloatArray,
        block_kn: IntArray | None = None,
    ) -> None:
        self.states, self.parts = states, parts
        self.block_kn = states.block_kn if block_kn is None else block_kn
        self.spin_kqsnm: ComplexArray = 0.5 * states.spin_of_parts(parts)
        self.same_knm = same_block(self.block_kn)
        self.size_kn: FloatArray = self.same_knm.sum(axis=2).astype(np.float64)
        difference_knm = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
        self.gap_knm = np.where(self.same_knm, np.inf, np.abs(difference_knm))
        inverse_knm = np.where(self.same_knm, 0.0, 1.0) / np.where(
            self.same_knm, 1.0, difference_knm
        )
        self.connection_kbnm: ComplexArray = -1j * states.velocity_kanm * inverse_knm[:, None]
        self.sharp_ktfn = fermi(states.energy_kn, mu_f, kT_t)
        # One number for each block: the partners of a pair are filled together.
        mean_knm = self.same_knm / self.size_kn[:, :, None]
        self.occupation_ktfn: FloatArray = np.einsum("ktfm,knm->ktfn", self.sharp_ktfn, mean_knm)
        # S_d R^b, the one product that both forms of the curvature need.
        self.turned_kqsbnm = _block_product(self.spin_kqsnm, self.block_kn, self.connection_kbnm)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Numbers of k points, parts, temperatures and Fermi levels."""
        n_k, n_t, n_f, _ = self.occupation_ktfn.shape
        return n_k, self.spin_kqsnm.shape[1], n_t, n_f

    def occupied(self, value_kqxyn: FloatArray) -> FloatArray:
        """Sum over bands with their occupations, shape (k, q, t, f, x, y)."""
        n_k, n_q, n_t, n_f = self.shape
        n = value_kqxyn.shape[-1]
        sum_kzx = self.occupation_ktfn.reshape(n_k, -1, n) @ value_kqxyn.reshape(
            n_k, -1, n
        ).swapaxes(1, 2)
        sums: FloatArray = np.moveaxis(
            sum_kzx.reshape(n_k, n_t, n_f, n_q, *value_kqxyn.shape[2:-1]), 3, 1
        )
        return sums

    def curvatures(self, pairs_knm: BoolArray | None = None) -> tuple[FloatArray, FloatArray]:
        r"""Both curvatures of every band, shape (k, q, normal, s, n).

        :math:`i (R^a S_d R^b - R^b S_d R^a)_{nn}`, spins of the partners, and
        :math:`i (S_d R^a R^b - \mathrm{h.c.})_{nn}`, spin of the band; of some pairs only if given.
        """
        connection_kbnm = self.connection_kbnm
        if pairs_knm is not None:
            connection_kbnm = np.where(pairs_knm[:, None], connection_kbnm, 0.0)
        printed, transport = [], []
        for a, b in CURL:
            turned_a, turned_b = self.turned_kqsbnm[:, :, :, a], self.turned_kqsbnm[:, :, :, b]
            product = np.einsum("knm,kqsmn->kqsn", connection_kbnm[:, a], turned_b)
            printed.append(-2.0 * product.imag)
            product = np.einsum("kqsnm,kmn->kqsn", turned_a, connection_kbnm[:, b])
            transport.append(-2.0 * product.imag)
        return np.stack(printed, axis=2), np.stack(transport, axis=2)

    def near_share(self, near_tknm: list[BoolArray]) -> dict[str, FloatArray]:
        """Share of near-degenerate pairs in both, whose width depends on the temperature."""
        n_k, n_q, n_t, n_f = self.shape
        shares = np.zeros((2, n_k, n_q, n_t, n_f, 3, 3))
        for t, near_knm in enumerate(near_tknm):
            if near_knm.any():
                for share, value in zip(shares, self.curvatures(near_knm), strict=True):
                    share[:, :, t] = self.occupied(value)[:, :, t]
        return {"liu2023_printed_near": shares[0], "band_transport_near": shares[1]}

    @cached_property
    def _pairs(self) -> tuple[slice, slice, FloatArray] | None:
        """Lower and upper bands, and the difference of their occupations (k, t·f, l, h)."""
        lower, upper = active_bands(self.occupation_ktfn)
        if lower.stop <= lower.start or upper.stop <= upper.start:
            return None
        n_k, _, n_t, n_f = self.shape
        below_klh = self.block_kn[:, lower, None] < self.block_kn[:, None, upper]
        f_ktfn = self.occupation_ktfn
        weight_kylh = np.where(
            below_klh[:, None, None], f_ktfn[..., lower, None] - f_ktfn[..., None, upper], 0.0
        ).reshape(n_k, n_t * n_f, *below_klh.shape[1:])
        weight_kylh[np.abs(weight_kylh) < NEGLIGIBLE_OCCUPATION] = 0.0
        return lower, upper, weight_kylh

    def _of_pairs(self, weight_kylh: FloatArray, value_kqxlh: FloatArray) -> FloatArray:
        """Sum over pairs of bands with their difference of occupations, shape (k, q, t, f, x)."""
        n_k, n_q, n_t, n_f = self.shape
        n_p = weight_kylh.shape[-1] * weight_kylh.shape[-2]
        flat_kxp = value_kqxlh.reshape(n_k, -1, n_p)
        sum_kyx = weight_kylh.reshape(n_k, -1, n_p) @ flat_kxp.swapaxes(1, 2)
        components = value_kqxlh.shape[2:-2]
        sums: FloatArray = np.moveaxis(sum_kyx.reshape(n_k, n_t, n_f, n_q, *components), 3, 1)
        return sums

    def transitions(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Conventional current, net torque and the moduli behind it, from pairs of bands.

        Sums over bands with their occupations would be the same, but differences of huge terms
        where two filled bands nearly touch.
        """
        if self._pairs is None:
            head = self.shape
            return np.zeros((*head, 3, 3, 3)), np.zeros((*head, 3, 3)), np.zeros(head)
        lower, upper, weight_kylh = self._pairs
        spin_kqslh, connection_kblh = self._between(lower, upper)
        torque = -2.0 * np.einsum("kqslh,kblh->kqbslh", spin_kqslh, connection_kblh.conj()).imag
        # The whole spin for every part, in equal shares: a norm has no parts that add up.
        n_q = self.shape[1]
        norm_kqlh = self._block_norms(self.spin_kqsnm.sum(axis=1, keepdims=True))
        size_kqlh = np.repeat(norm_kqlh[..., lower, upper] / n_q, n_q, axis=1)
        return (
            self._of_pairs(weight_kylh, self._currents(lower, upper)),
            self._of_pairs(weight_kylh, torque),
            self._of_pairs(weight_kylh, size_kqlh),
        )

    def moduli_of_transitions(self) -> tuple[FloatArray, FloatArray]:
        """Moduli that the conventional current and the torque add up, shape (k, q, t, f)."""
        if self._pairs is None:
            return np.zeros(self.shape), np.zeros(self.shape)
        lower, upper, weight_kylh = self._pairs
        current_kqlh = np.sqrt((self._currents(lower, upper) ** 2).sum(axis=(2, 3, 4)))
        torque_kqlh = 2.0 * self._block_norms(self.spin_kqsnm)[..., lower, upper]
        return (
            self._of_pairs(weight_kylh, current_kqlh),
            self._of_pairs(weight_kylh, torque_kqlh),
        )

    def _between(self, lower: slice, upper: slice) -> tuple[ComplexArray, ComplexArray]:
        return self.spin_kqsnm[..., lower, upper], self.connection_kbnm[:, :, lower, upper]

    def _currents(self, lower: slice, upper: slice) -> FloatArray:
        """Conventional current per difference of occupations, shape (k, q, a, b, s, l, h)."""
        flow_kqashl = self.states.spin_current_between(upper, lower, parts=self.parts)
        _, connection_kblh = self._between(lower, upper)
        inverse_kblh = connection_kblh / self.gap_knm[:, None, lower, upper]
        product = np.einsum("kqashl,kblh->kqabslh", flow_kqashl, inverse_kblh)
        current: FloatArray = -2.0 * product.real
        return current

    def _block_norms(self, spin_kqsnm: ComplexArray) -> FloatArray:
        """Norms of S and R between the blocks of two bands, shared among them, (k, q, n, m)."""
        same_knm = self.same_knm.astype(np.float64)
        spin_kqnm = (np.abs(spin_kqsnm) ** 2).sum(axis=2)
        connection_knm = (np.abs(self.connection_kbnm) ** 2).sum(axis=1)
        spin_kqnm = same_knm[:, None] @ spin_kqnm @ same_knm[:, None]
        connection_knm = same_knm @ connection_knm @ same_knm
        pairs_knm = self.size_kn[:, :, None] * self.size_kn[:, None, :]
        norms: FloatArray = np.sqrt(spin_kqnm * connection_knm[:, None]) / pairs_knm[:, None]
        return norms

    def of_bands(self) -> tuple[FloatArray, FloatArray]:
        """Conventional current (k, q, a, b, s, n) and net torque (k, q, b, s, n) of every band."""
        every = slice(0, self.states.n_bands)
        flow_kqasmn = self.states.spin_current_between(every, every, parts=self.parts)
        energy_kn = self.states.energy_kn
        upward_knm = energy_kn[:, None, :] > energy_kn[:, :, None]
        # 1/(E_m - E_n), zero inside blocks.
        inverse_knm = np.where(upward_knm, 1.0, -1.0) / self.gap_knm
        connection_kbnm = self.connection_kbnm * inverse_knm[:, None]
        current = -2.0 * np.einsum("kqasmn,kbnm->kqabsn", flow_kqasmn, connection_kbnm).real
        torque = -2.0 * np.einsum("kqsnm,kbmn->kqbsn", self.spin_kqsnm, self.connection_kbnm).imag
        return current, torque

    def straddling(self) -> FloatArray:
        """Occupation that averaging over blocks moves, in equal shares of the parts."""
        moved_ktf = np.abs(self.sharp_ktfn - self.occupation_ktfn).sum(axis=-1)
        n_q = self.shape[1]
        return np.repeat(moved_ktf[:, None] / n_q, n_q, axis=1)

    def outside(self) -> tuple[FloatArray, FloatArray]:
        r"""What the bands inherit from states outside the model, for every band.

        The covariant derivative :math:`(D_b S)_{nn}`, shape (k, q, b, s, n), and
        :math:`(S_d F_{ab})_{nn}` with the curvature :math:`F_{ab} = \partial_a A_b -
        \partial_b A_a - i [A_a, A_b]` of the Wannier functions, shape (k, q, normal, s, n).
        """
        states = self.states
        slope_kqsbn = 0.5 * states.spin_slopes(self.parts)
        curvature_kcnm = states.rotate(states.space_curvature_kcij)
        inside_kqsnm = np.where(self.same_knm[:, None, None], self.spin_kqsnm, 0.0)
        value_kqcsn = np.einsum("kqsnm,kcmn->kqcsn", inside_kqsnm, curvature_kcnm).real
        return slope_kqsbn.swapaxes(2, 3), value_kqcsn

    def at_finite_wave_vector(self, below_f: IntArray) -> FloatArray:
        r"""Current of Shi et al. of the lowest bands, shape (k, q, f, normal, s).

        :math:`\mathrm{Tr}\, S P_1` with the first-order change :math:`P_1` of the projector on
        the filled bands in a magnetic field along the normal.
        """
        n_k, n_q, _, n_f = self.shape
        currents = np.zeros((n_k, n_q, n_f, 3, 3))
        for n_below in np.unique(below_f):
            currents[:, :, below_f == n_below] = self._in_field(int(n_below))[:, :, None]
        return currents

    def _in_field(self, n_below: int) -> FloatArray:
        n_k, n_q, _, _ = self.shape
        energy_kn, velocity = self.states.energy_kn, self.states.velocity_kanm
        if n_below in (0, energy_kn.shape[1]):
            return np.zeros((n_k, n_q, 3, 3))
        o, u = slice(0, n_below), slice(n_below, None)
        inverse_kou = 1.0 / (energy_kn[:, o, None] - energy_kn[:, None, u])
        P_ou = velocity[:, :, o, u] * inverse_kou[:, None]
        P_uo = P_ou.conj().swapaxes(-1, -2)
        V_oo, V_uu = velocity[:, :, o, o], velocity[:, :, u, u]
        spin, values = self.spin_kqsnm, []
        for a, b in CURL:
            in_oo = P_ou[:, a] @ P_uo[:, b] - P_ou[:, b] @ P_uo[:, a]
            in_uu = P_uo[:, a] @ P_ou[:, b] - P_uo[:, b] @ P_ou[:, a]
            in_ou = V_oo[:, a] @ P_ou[:, b] - V_oo[:, b] @ P_ou[:, a]
            in_ou += P_ou[:, b] @ V_uu[:, a] - P_ou[:, a] @ V_uu[:, b]
            value = np.einsum("kqsnm,kmn->kqs", spin[..., o, o], 0.5j * in_oo)
            value -= np.einsum("kqsnm,kmn->kqs", spin[..., u, u], 0.5j * in_uu)
            # Twice the real part: the block uo is the adjoint.
            value += np.einsum("kqsnm,kmn->kqs", spin[..., u, o], 1j * in_ou * inverse_kou)
            values.append(value.real)
        return np.stack(values, axis=2)

    def moduli_of_curvatures(self) -> tuple[FloatArray, FloatArray]:
        """Moduli that the curvatures add up, shape (k, q, t, f), and with all bands (k, q)."""
        turned_kqnm = (np.abs(self.turned_kqsbnm) ** 2).sum(axis=(2, 3))
        row_kn = np.sqrt((np.abs(self.connection_kbnm) ** 2).sum(axis=(1, 3)))
        # The larger of the two forms: products of S_d R end or begin at the band.
        product_kqn = np.sqrt(np.maximum(turned_kqnm.sum(axis=2), turned_kqnm.sum(axis=3)))
        moduli_kqn = 2.0 * row_kn[:, None] * product_kqn
        occupied = self.occupied(moduli_kqn[:, :, None, None])[..., 0, 0]
        return occupied, moduli_kqn.sum(axis=-1)


def _block_product(
    spin_kqsnm: ComplexArray, block_kn: IntArray, connection_kbnm: ComplexArray
) -> ComplexArray:
    """Product of the part of the spin inside blocks with R, shape (k, q, s, b, n, m).

    Blocks are a few diagonals of the matrix: going through them saves a product of matrices.
    """
    n = block_kn.shape[1]
    product = np.zeros((*spin_kqsnm.shape[:3], 3, n, n), dtype=np.complex128)
    for shift in range(1 - n, n):
        rows = slice(max(0, -shift), n - max(0, shift))
        cols = slice(rows.start + shift, rows.stop + shift)
        same_kn = block_kn[:, rows] == block_kn[:, cols]
        if same_kn.any():
            diagonal = np.diagonal(spin_kqsnm, offset=shift, axis1=-2, axis2=-1)
            inside_kqsn = np.where(same_kn[:, None, None], diagonal, 0.0)
            product[..., rows, :] += (
                inside_kqsn[:, :, :, None, :, None] * connection_kbnm[:, None, None, :, cols]
            )
    return product


def _from_curl(value: FloatArray) -> FloatArray:
    """Antisymmetric tensor (..., flow, field, spin) from its axial vector (..., normal, spin)."""
    tensor = np.zeros((*value.shape[:-2], 3, 3, 3), dtype=value.dtype)
    for normal, (a, b) in enumerate(CURL):
        tensor[..., a, b, :] = value[..., normal, :]
        tensor[..., b, a, :] = -value[..., normal, :]
    return tensor
