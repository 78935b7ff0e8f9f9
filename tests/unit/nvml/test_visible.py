"""CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES: what they leave of the GPUs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench.nvml.visible import by_number, chosen, left_in_container

UUIDS = ["GPU-1a-x", "GPU-1b-x", "GPU-2c-x", "GPU-2c-y"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("0,1,2,3", [0, 1, 2, 3]),
        ("2,0", [2, 0]),
        (" 1 , 3", [1, 3]),
        ("+1", [1]),
        ("1a,2", [1, 2]),
        ("0,2,-1,1", [0, 2]),
        ("0,9,1", [0]),
        ("-1", []),
        ("", []),
        (",0", []),
        ("none", []),
        ("NoDevFiles", []),
        ("0,0", []),
        ("1,2,1", []),
        ("0,GPU-1b-x", [0]),
        ("GPU-1b-x", [1]),
        ("GPU-2c-y,GPU-1a", [3, 0]),
        ("GPU-1a-x,1", [0]),
        ("GPU-1a-x,GPU-9", [0]),
        ("GPU-2c", []),
        ("GPU-1a,GPU-1a-x", []),
        ("GPU-1a-x,GPU-1a-x", []),
        ("0,9,0", []),
        ("0,-1,0", [0]),
        ("GPU-1a-x, GPU-1b-x", [0]),
        ("MIG-1", []),
    ],
)
def test_cuda_takes_names_up_to_the_first_that_names_nothing(text: str, places: list[int]) -> None:
    assert chosen(text, UUIDS) == places


def test_numbers_and_uuids_are_told_apart_by_the_first() -> None:
    assert by_number("0,GPU-1")
    assert by_number("")
    assert not by_number("GPU-1,0")
    assert not by_number("MIG-1")


TEXTS = st.one_of(
    st.text(alphabet="0123456789,+- GPU", max_size=12),
    st.lists(
        st.sampled_from([*UUIDS, "GPU-1", "GPU-1a", "GPU-2c", "GPU-", "MIG-a", "0", "1", "-1", "7"])
    ).map(",".join),
)
HOSTS = st.integers(0, 4).map(lambda count: UUIDS[:count])


@given(TEXTS, HOSTS)
def test_what_is_chosen_exists_and_is_chosen_once(text: str, uuids: list[str]) -> None:
    places = chosen(text, uuids)
    assert len(set(places)) == len(places)
    assert set(places) <= set(range(len(uuids)))


@given(st.permutations(range(4)), st.integers(1, 4))
def test_the_order_is_the_variables_own(order: list[int], count: int) -> None:
    order = order[:count]
    assert chosen(",".join(map(str, order)), UUIDS) == order
    assert chosen(",".join(UUIDS[place] for place in order), UUIDS) == order


@given(st.lists(st.integers(0, 3), unique=True), TEXTS)
def test_nothing_counts_after_a_name_of_nothing(order: list[int], rest: str) -> None:
    others = [part for part in rest.split(",") if part.startswith("G")]
    assert chosen(",".join([*map(str, order), "99", *others]), UUIDS) == order


@given(TEXTS, HOSTS)
def test_torch_reads_the_variable_in_the_same_way(text: str, uuids: list[str]) -> None:
    cuda = pytest.importorskip("torch.cuda")
    if text.startswith("MIG-") or re.search(r"(^|,)\s*[+-]([^0-9]|$)", text):
        return  # torch does not resolve the first, and stumbles over a sign without a number
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", text)
        named = cuda._parse_visible_devices()
    if named and isinstance(named[0], str):
        expected = cuda._transform_uuid_to_ordinals(named, uuids)
    else:
        # As in torch.cuda._device_count_nvml: up to the first number that is too large.
        valid = next((n for n, number in enumerate(named) if number >= len(uuids)), len(named))
        expected = named[:valid]
    assert chosen(text, uuids) == expected


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("all", [0, 1, 2, 3]),
        ("void", [0, 1, 2, 3]),
        ("", [0, 1, 2, 3]),
        ("none", []),
        ("1", [1]),
        ("3,0", [0, 3]),
        ("0,1,2,3", [0, 1, 2, 3]),
        ("GPU-2c-x,GPU-1a-x", [0, 2]),
        ("/var/run/nvidia-container-devices", [0, 1, 2, 3]),
        ("GPU-1a-x,1", [0, 1, 2, 3]),
    ],
)
def test_a_container_is_limited_where_nvml_shows_more_than_it_was_given(
    text: str, places: list[int]
) -> None:
    assert left_in_container(text, UUIDS) == places


def test_the_hosts_numbers_mean_nothing_in_a_container_that_sees_only_its_own() -> None:
    assert left_in_container("6,7", UUIDS[:2]) == [0, 1]
    assert left_in_container("GPU-of-the-host", UUIDS[:1]) == [0]
