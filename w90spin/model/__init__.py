"""The frozen Wannier model: lattice, operators in R space, spin, partitions, loading."""
