"""Spin and Zeeman quantum geometric tensors of pairs of bands at chosen k points."""

from __future__ import annotations

from dataclasses import dataclass

from w90spin.arrays import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class QuantumGeometry:
    r"""Quantum geometric tensors of every pair of degenerate blocks at some k points.

    Every pair of bands n, m carries the sum over the two blocks that they are in, and zero where
    that is one block.  Both tensors are :math:`T_{nm} = g_{nm} - \tfrac{i}{2} \Omega_{nm}`, with
    :math:`g_{mn} = g_{nm}` and :math:`\Omega_{mn} = -\Omega_{nm}`.

    Parameters
    ----------
    kpt_kc : float array (k, c)
        Reduced coordinates.
    energy_kn : float array (k, n)
        Bands. [eV]
    block_kn : int array (k, n)
        Label of each band's degenerate block.
    spin_qgt_knmqabs : complex array (k, n, m, part, flow, field, spin)
        Spin QGT :math:`(J_{a;c})_{nm} (V_b)_{mn} / (\epsilon_n - \epsilon_m)^2`. [Å²]
    zeeman_qgt_knmqbs : complex array (k, n, m, part, field, spin)
        Zeeman QGT :math:`(A_a)_{nm} (\sigma_b)_{mn}`. [Å]
    parts : tuple of str (q)
        Names of the parts of the cell; "total" without a partition.
    """

    kpt_kc: FloatArray
    energy_kn: FloatArray
    block_kn: IntArray
    spin_qgt_knmqabs: ComplexArray
    zeeman_qgt_knmqbs: ComplexArray
    parts: tuple[str, ...]

    @property
    def spin_metric_knmqabs(self) -> FloatArray:
        """Spin quantum metric g. [Å²]"""
        return self.spin_qgt_knmqabs.real

    @property
    def spin_curvature_knmqabs(self) -> FloatArray:
        """Spin Berry curvature Ω. [Å²]"""
        return -2.0 * self.spin_qgt_knmqabs.imag

    @property
    def zeeman_metric_knmqbs(self) -> FloatArray:
        """Zeeman quantum metric. [Å]"""
        return self.zeeman_qgt_knmqbs.real

    @property
    def zeeman_curvature_knmqbs(self) -> FloatArray:
        """Zeeman Berry curvature. [Å]"""
        return -2.0 * self.zeeman_qgt_knmqbs.imag
