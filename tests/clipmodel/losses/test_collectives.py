"""Two processes on this machine, over files; each has two rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from clipmodel.losses.collectives import gather, gather_with_gradients, logsumexp_over_processes


def in_process(rank: int, folder: str) -> None:
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) + 10 * rank
    leaf = rows.clone().requires_grad_()
    # Each process's loss weighs the rows of all by its own rank + 1: a row's gradient is 1 + 2.
    (gather_with_gradients(leaf).sum() * (rank + 1)).backward()
    torch.save(
        {"rows": gather(rows), "flags": gather(torch.tensor([rank == 0, True])), "gradient": leaf.grad,
         "lse": logsumexp_over_processes(torch.tensor([0.0, float(rank)]))},
        f"{folder}/{rank}.pt",
    )  # fmt: skip
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    folder: Path = tmp_path_factory.mktemp("processes")
    mp.start_processes(in_process, (str(folder),), nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_rows_come_in_the_order_of_the_ranks(found: list[dict[str, torch.Tensor]]) -> None:
    for one in found:
        assert one["rows"].tolist() == [[1, 2], [3, 4], [11, 12], [13, 14]]
        assert one["flags"].tolist() == [True, True, False, True] and one["flags"].dtype == torch.bool


def test_gradients_of_all_losses_reach_the_rows(found: list[dict[str, torch.Tensor]]) -> None:
    assert all(torch.equal(one["gradient"], torch.full((2, 2), 3.0)) for one in found)


def test_logsumexp_over_both(found: list[dict[str, torch.Tensor]]) -> None:
    expected = torch.tensor([2.0, 1 + torch.e]).log()  # ln(1 + 1), ln(e^0 + e^1)
    assert all(torch.allclose(one["lse"], expected) for one in found)
