from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.streamed import UNDECODABLE
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar
from tests.clipmodel.training.support.streamed_data import damaged_table, stream_data, streamed_recipe


def test_unreadable_images_are_skipped_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = stream_data(streamed_recipe(damaged_table(tmp_path, bad=3, good=17)))
    keys = [key for step in range(2) for key in data.batch(step).keys]
    assert len(set(keys)) == 16
    assert not any(Path(key).stem in {"0", "1", "2"} for key in keys)
    assert data.skipped.read == 16
    assert 2 <= data.skipped.samples["image damaged or of no known format"] <= 3
    assert any("image damaged" in record.message and ".jpg" in record.message for record in caplog.records)


def test_the_account_of_what_was_skipped_goes_on_with_the_run(tmp_path: Path) -> None:
    broken = write_tar(tmp_path / "0.tar", numbered(range(8)))
    broken.write_bytes(broken.read_bytes()[:3000])
    bad = [("bad", {"jpg": b"no image", "txt": "an image"}), ("dumb", {"jpg": jpeg(1)})]
    write_tar(tmp_path / "1.tar", [*numbered(range(8, 30)), *bad])
    recipe = streamed_recipe(f"{tmp_path}/*.tar", loading={"max_skipped": 90})
    whole, begun, again = stream_data(recipe), stream_data(recipe), stream_data(recipe)
    for step in range(12):
        whole.batch(step)
    for step in range(7):
        begun.batch(step)
    again.load_state_dict(begun.state_dict(6))  # one step back, as when a step is interrupted
    for step in range(6, 12):
        again.batch(step)
    summary = whole.summary(12)
    assert again.summary(12) == summary
    assert summary["read"] == 12 * 8
    # In every pass over 22 or more good images; the shard once.
    assert all(3 <= summary["samples"].pop(reason) <= 5 for reason in (UNDECODABLE, "no caption"))
    assert summary == {"read": 96, "samples": {}, "shards": {"shard broken off or damaged": 1}, "rows": {}}


def test_rows_that_were_left_out_for_good_are_in_the_account(tmp_path: Path) -> None:
    table = Path(damaged_table(tmp_path, bad=0, good=9))
    table.write_text(table.read_text() + "9.jpg\n")
    summary = stream_data(streamed_recipe(str(table), loading={"max_skipped": 1})).summary(0)
    assert summary["rows"] == {"row with another number of fields": 1}
    assert summary["read"] == 0


@pytest.mark.parametrize(("limit", "skips"), [(0, 1), (2, 3), (0.001, 2)])
def test_too_many_unreadable_images_stop_the_run(tmp_path: Path, limit: float, skips: int) -> None:
    table = damaged_table(tmp_path, bad=6, good=14)
    data = stream_data(streamed_recipe(table, loading={"max_skipped": limit}))
    with pytest.raises(UserError, match=f"no known format {skips}, beside .*the last is .*jpg") as caught:
        for step in range(10):
            data.batch(step)
    assert "data.loading.max_skipped" in str(caught.value)
