"""Unit sets as bytes: exact or nearly, deterministic, and refused when damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.unit_sets import SetKind, digest_of, hash_of_unit, read_units, write_bloom, write_hashes
from pointsman.errors import CodecError

UNITS = [f"user-{number}" for number in range(20_000)]
texts = st.text(st.characters(codec="utf-8"), max_size=8)


def hashes(units: list[str], salt: str = "salt") -> list[int]:
    return [hash_of_unit(salt, unit) for unit in units]


def test_a_list_holds_its_units_and_no_others() -> None:
    units = read_units(write_hashes("salt", hashes(UNITS[::2])))

    assert (units.kind, units.count) == (SetKind.HASHES, 10_000)
    assert [unit for unit in UNITS if units.holds(unit)] == UNITS[::2]


def test_a_filter_holds_all_its_units_and_few_others() -> None:
    units = read_units(write_bloom("salt", hashes(UNITS)))

    assert (units.kind, units.count) == (SetKind.BLOOM, 20_000)
    assert all(units.holds(unit) for unit in UNITS)
    # 0.057 % expected: 57 of 100,000, with a standard deviation of 8.
    assert sum(units.holds(f"other-{number}") for number in range(100_000)) < 100


def test_a_filter_takes_two_bytes_a_unit() -> None:
    assert len(write_bloom("salt", hashes(UNITS))) < 2 * len(UNITS) + 100


@pytest.mark.parametrize("write", [write_hashes, write_bloom])
def test_nobody_is_in_an_empty_set(write: object) -> None:
    assert callable(write)
    units = read_units(write("salt", ()))

    assert units.count == 0
    assert not units.holds("user-1")


@given(texts, st.lists(texts))
def test_equal_sets_are_equal_bytes(salt: str, units: list[str]) -> None:
    found = hashes(units, salt)

    for write in (write_hashes, write_bloom):
        body = write(salt, found)
        assert write(salt, [*reversed(found), *found]) == body
        assert all(read_units(body).holds(unit) for unit in units)


def test_the_bytes_of_a_set_are_pinned() -> None:
    found = hashes(["user-1", "user-2"])

    assert digest_of(write_hashes("salt", found)) == (
        "940af875c0f114ae1e903c24ef1c1be7808759b0c19080ee196d0cfd73a638a8"
    )
    assert digest_of(write_bloom("salt", found)) == (
        "09c9dc3244c281f8277f2aa8c6c4806d755c0ac706faa60459c59a506699f4e7"
    )


@given(st.data())
def test_a_set_cut_short_or_run_over_is_refused(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from([write_hashes, write_bloom]))("salt", hashes(UNITS[:5]))
    cut = data.draw(st.integers(0, len(body) - 1))

    for damaged in (body[:cut], body + b"\0"):
        with pytest.raises(CodecError):
            read_units(damaged)


@given(st.binary())
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(CodecError):
        read_units(body)


@pytest.mark.parametrize(
    ("at", "byte", "problem"),
    [(0, 0, "no unit set"), (4, 2, "no unit set"), (5, 9, "no unit set"), (8, 4, "needs 32 bytes")],
)
def test_a_damaged_header_is_refused(at: int, byte: int, problem: str) -> None:
    body = bytearray(write_hashes("salt", hashes(UNITS[:3])))
    body[at] = byte

    with pytest.raises(CodecError, match=problem):
        read_units(bytes(body))


def test_hashes_out_of_order_are_refused() -> None:
    body = write_hashes("", [1, 2])

    with pytest.raises(CodecError, match="ascending"):
        read_units(body[:-16] + body[-8:] + body[-16:-8])


def test_a_salt_that_is_no_text_is_refused() -> None:
    body = write_hashes("ab", ())

    with pytest.raises(CodecError, match="UTF-8"):
        read_units(body.replace(b"ab", b"\xff\xfe"))


def test_a_filter_of_another_size_is_refused() -> None:
    with pytest.raises(CodecError, match="filter"):
        read_units(write_bloom("salt", [1, 2]) + b"\0")


def test_a_salt_without_end_is_refused() -> None:
    with pytest.raises(CodecError, match="65535"):
        write_hashes("x" * 70_000, ())
