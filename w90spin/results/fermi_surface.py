"""Fermi surfaces with colours, and the files from which FermiSurfer draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import ResponseError
from w90spin.files import atomic
from w90spin.results.component import ComponentChoice, choose_component
from w90spin.results.result import Tensor
from w90spin.units import SPIN_AXES

FROM_GAMMA = 1
"""FermiSurfer's word for a mesh that begins with Γ: k = i/n."""

COLOURS = (
    *(f"spin_{s}" for s in SPIN_AXES),
    *(f"velocity_{s}" for s in SPIN_AXES),
    "speed",
)
"""Colours that need no response."""


@dataclass(frozen=True, eq=False)
class FermiSurface:
    """Bands around a Fermi level on a regular mesh from Γ, with their band-resolved values.

    Parameters
    ----------
    mu : float
        Fermi level. [eV]
    band_n : int array (n)
        The bands, counted from 1.
    energy_xyzn : float array (k1, k2, k3, n)
        Their energies, absolute. [eV]
    recip_ca : float array (c, a)
        Reciprocal vectors in rows. [1/Å]
    velocity_xyzna : float array (k1, k2, k3, n, a)
        Velocities times ħ, the mean of each degenerate block. [eV Å]
    spin_xyzns : float array (k1, k2, k3, n, s), or None
        Mean of σ_s over the block; None where the model has no spin.
    tensors : mapping of str to Tensor
        Values of single bands, summed over blocks; axes "k1", "k2", "k3", "band" and those of the
        response.
    """

    mu: float
    band_n: IntArray
    energy_xyzn: FloatArray
    recip_ca: FloatArray
    velocity_xyzna: FloatArray
    spin_xyzns: FloatArray | None = None
    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def colours(self) -> tuple[str, ...]:
        """Names of what :meth:`colour` gives."""
        own = COLOURS if self.spin_xyzns is not None else COLOURS[len(SPIN_AXES) :]
        return (*own, *self.tensors)

    def colour(
        self,
        name: str,
        component: ComponentChoice | None = None,
        *,
        part: str | None = None,
        omega_index: int = 0,
        imaginary: bool = False,
    ) -> FloatArray:
        """One real number for every band and k.

        Parameters
        ----------
        name : str
            "spin_x", ..., "velocity_x", ..., "speed", or a tensor.
        component : str or mapping, optional
            Of the tensor, as in ``"xyz"``; the largest if left out.
        part : str, optional
            Part of the cell; by default the sum of all.
        omega_index : int
            Which photon energy.
        imaginary : bool
            Of a complex tensor take the imaginary part.

        Returns
        -------
        float array (k1, k2, k3, n)

        Raises
        ------
        ResponseError
            If there is no such colour, component or part.
        """
        kind, _, letter = name.rpartition("_")
        if name == "speed":
            return np.asarray(np.linalg.norm(self.velocity_xyzna, axis=-1))
        if kind == "velocity" and letter in SPIN_AXES:
            return np.asarray(self.velocity_xyzna[..., SPIN_AXES.index(letter)])
        if kind == "spin" and letter in SPIN_AXES and self.spin_xyzns is not None:
            return np.asarray(self.spin_xyzns[..., SPIN_AXES.index(letter)])
        if name not in self.tensors:
            raise ResponseError(
                f"colour = '{name}' is none of {', '.join(self.colours)}. Give one of these."
            )
        tensor = self.tensors[name]
        chosen = choose_component(tensor, component)
        values: Any = tensor.values
        for place in reversed(range(4, len(tensor.axes))):
            axis = tensor.axes[place]
            if axis.name == "part" and part is None:
                values = values.sum(axis=place)
                continue
            index = 0
            if axis.name in chosen:
                index = SPIN_AXES.index(chosen[axis.name])
            elif axis.name == "part":
                if part not in axis.values:
                    known = ", ".join(str(value) for value in axis.values)
                    raise ResponseError(f"part = '{part}' is none of {known}.")
                index = axis.values.index(part)
            elif axis.name == "omega":
                index = omega_index
            values = values.take(index, axis=place)
        real = values.imag if imaginary else values.real
        return np.asarray(real, dtype=np.float64)

    def save_frmsf(self, path: Path | str, colour_xyzn: FloatArray | None = None) -> Path:
        """Write the file from which FermiSurfer draws the surface.

        Parameters
        ----------
        path : path
            Where; by custom it ends in ".frmsf".
        colour_xyzn : float array (k1, k2, k3, n), optional
            Colours, from :meth:`colour`.

        Returns
        -------
        Path

        Raises
        ------
        ResponseError
            If the colours are not one finite number for each energy.
        ResultFileError
            If it cannot be written.

        Notes
        -----
        Energies are relative to the Fermi level, band by band, the third direction of the mesh the
        fastest; then the colours likewise.

        References
        ----------
        M. Kawamura, Comput. Phys. Commun. 239, 197 (2019), doi:10.1016/j.cpc.2019.01.017
        """
        blocks = [self.energy_xyzn - self.mu]
        if colour_xyzn is not None:
            colour_xyzn = np.asarray(colour_xyzn)
            if colour_xyzn.shape != self.energy_xyzn.shape or not np.isfinite(colour_xyzn).all():
                raise ResponseError(
                    f"The colours have the shape {colour_xyzn.shape} and must be finite numbers of "
                    f"the shape {self.energy_xyzn.shape}: one for each k and band."
                )
            blocks.append(colour_xyzn)
        *mesh, n_bands = self.energy_xyzn.shape
        with atomic(path) as new, new.open("w", encoding="ascii") as file:
            file.write(f"{mesh[0]} {mesh[1]} {mesh[2]}\n{FROM_GAMMA}\n{n_bands}\n")
            np.savetxt(file, self.recip_ca, fmt="%.10f")
            for block_xyzn in blocks:
                np.savetxt(file, np.moveaxis(block_xyzn, -1, 0).reshape(-1), fmt="%.9e")
        return Path(path)
