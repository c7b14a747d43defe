"""The only door to xarray: results as labelled data sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from w90spin.errors import ResultFileError
from w90spin.results.result import ResponseResult


def to_dataset(response: ResponseResult, provenance: Mapping[str, Any]) -> Any:
    """Tensors of a response as an ``xarray.Dataset``.

    Parameters
    ----------
    response : ResponseResult
        The response.
    provenance : mapping
        What the data set's attributes shall tell.

    Returns
    -------
    xarray.Dataset
        Variables "<tensor>" and "<tensor>_error"; units in their attributes.

    Raises
    ------
    ResultFileError
        If xarray is not installed.
    """
    try:
        import xarray
    except ImportError as problem:
        raise ResultFileError("to_xarray needs xarray: pip install 'w90spin[xarray]'.") from problem

    variables = {}
    for tensor in response.tensors.values():
        coordinates = {
            axis.name: (axis.name, list(axis.values), {"units": axis.unit}) for axis in tensor.axes
        }
        about = {"units": tensor.unit, "long_name": tensor.symbol, "comment": tensor.description}
        for name, values in ((tensor.name, tensor.values), (f"{tensor.name}_error", tensor.errors)):
            variables[name] = xarray.DataArray(
                values, coords=coordinates, dims=tensor.axis_names, attrs=about
            )
    attributes = {
        key: value if isinstance(value, (str, int, float)) else json.dumps(value)
        for key, value in provenance.items()
    }
    return xarray.Dataset(variables, attrs={"response": response.title, **attributes})
