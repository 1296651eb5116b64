"""Ray for the time of one run: on the cluster in RAY_ADDRESS, or with workers on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clipmodel.errors import UserError

__all__ = ["import_ray", "ray_session"]

STORE_BYTES = 128 << 20  # of Ray's object store on this machine, through which no data set passes
STARTS = 3
SLOW = "timed out during startup"


def import_ray() -> Any:
    """The module `ray`.

    Raises
    ------
    UserError
        It is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise UserError("--engine ray needs Ray", remedy="pip install 'clip-audit[scale]'") from error
    return ray


@contextmanager
def ray_session(ray: Any, workers: int) -> Iterator[None]:
    """Ray with so many workers of one logical CPU each; a session that was there before stays.

    Parameters
    ----------
    ray
        The module.
    workers
        Processes of this machine, if RAY_ADDRESS names no cluster.
    """
    # A notebook or a cluster job may have its own session; ending it would end other work.
    if ray.is_initialized():
        yield
        return
    # Ray reports usage to its makers unless told not to; this program sends nothing.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Without a CPU beside those of the workers, Ray Data waits forever.
    local = {} if os.environ.get("RAY_ADDRESS") else {
        "num_cpus": workers + 1, "include_dashboard": False, "object_store_memory": STORE_BYTES,
        "_node_ip_address": "127.0.0.1",
    }  # fmt: skip
    # Ray leaves logs and sockets in /tmp/ray; in a folder of its own they go when the run ends.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        if local:
            local["_temp_dir"] = scratch
        try:
            _start(ray, local)
            yield
        finally:
            ray.shutdown()


def _start(ray: Any, local: dict[str, Any]) -> None:
    """Start Ray, again if a busy machine took longer than the 30 seconds that Ray gives itself."""
    for left in reversed(range(STARTS)):
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **local)
        except Exception as error:
            if not left or SLOW not in str(error):
                raise
            ray.shutdown()
        else:
            return
