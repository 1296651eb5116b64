"""The check that torch can use a device, made before any work is done on it."""

from __future__ import annotations

from clipmodel.errors import UserError


def usable_device(name: str) -> str:
    """The name of a torch device, if this machine has it.

    Raises
    ------
    UserError
        Torch does not know the device, was built without it, or finds no hardware for it.
    """
    if name == "cpu":
        return name  # every machine has it, and what asks for it may need no torch
    import torch

    try:
        # An empty tensor initialises the device's runtime, which is where a missing driver shows.
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        # A build without CUDA answers with an AssertionError. The first line is the reason.
        reason = str(error).splitlines()[0]
        raise UserError(f"the device {name!r} cannot be used: {reason}", remedy="use --device cpu") from error
    return name
