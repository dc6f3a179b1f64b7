"""Reading one ruleset after another: nothing may differ from reading each alone but the time it takes."""

import gc
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.codec import CodecError, decode, encode
from pointsman.core.evaluation import Evaluation
from pointsman.core.model import Operator, Ruleset, Serves
from pointsman.core.references import unit_sets_of
from pointsman.core.succeeding import decode_next
from tests.sdk.core.rulesets import flag, rule, ruleset, where
from tests.sdk.core.strategies import rulesets
from tests.sdk.core.test_codec import _WRONG, WIRE, Edit, slow_to_draw

DAMAGES = [b"", b" ", b'"', b"{", b"}", b",", b":", b"0", b"\\", b"\xff", b'"flags":{']
Context = dict[str, object]
CONTEXTS: list[Context] = [{}, {"country": "DE", "age": 1, "beta": True}, {"country": "FR", "age": 2}]
TWO = ruleset(flag(rule("r1", where("country", Operator.IN, "DE"))), flag(rule("r1"), key="ranker"))


def said(body: bytes, former: Ruleset | None = None, *, alone: bool = False) -> Ruleset | str:
    """The ruleset, or why it is refused."""
    try:
        return decode(body) if alone else decode_next(body, former)
    except CodecError as error:
        return str(error)


@slow_to_draw
@given(rulesets(), rulesets())
def test_any_ruleset_is_read_the_same_after_any_other(first: Ruleset, second: Ruleset) -> None:
    after = decode_next(encode(second), decode_next(encode(first), None))

    assert after == second
    assert unit_sets_of(after) == unit_sets_of(second)


@slow_to_draw
@given(rulesets(), st.data())
def test_damaged_bytes_get_the_very_same_verdict(known: Ruleset, data: st.DataObject) -> None:
    body = encode(known)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 8)))
    damage = data.draw(st.sampled_from(DAMAGES))
    damaged = body[:start] + damage + body[end:]
    former = decode_next(body, None)

    verdicts = [said(damaged, alone=True), said(damaged), said(damaged, former)]

    assert verdicts == verdicts[:1] * 3


@pytest.mark.parametrize(("field", "edit"), _WRONG)
def test_whatever_is_wrong_is_named_alike(field: str, edit: Edit) -> None:
    wire = json.loads(WIRE)
    edit(wire)
    body = json.dumps(wire, sort_keys=True, separators=(",", ":")).encode()

    assert said(body, decode_next(WIRE, None)) == said(body, alone=True)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(json.loads(WIRE), indent=1).encode(),
        json.dumps(dict(reversed(list(json.loads(WIRE).items()))), separators=(",", ":")).encode(),
        WIRE.replace(b'"format":2', b'"format":1'),
        b"\n" + WIRE + b" ",
    ],
)
def test_another_spelling_is_read_too(body: bytes) -> None:
    assert decode_next(body, decode_next(WIRE, None)) == decode(body)


def test_a_flag_twice_is_refused_also_when_both_are_known() -> None:
    one = WIRE[WIRE.index(b'"digit-reader"') : WIRE.index(b'},"format"')]
    doubled = WIRE.replace(one, one + b"," + one)

    assert said(doubled, decode_next(WIRE, None)) == said(doubled, alone=True)
    assert "same key twice" in str(said(doubled, alone=True))


def test_only_what_changed_is_made_again() -> None:
    before = decode_next(encode(TWO), None)
    used = Evaluation(before)
    former = {key: used.choose(key, "anna", None, None) for key in TWO.flags}
    changed = replace(TWO, flags={**TWO.flags, "ranker": replace(TWO.flags["ranker"], version=2)})

    following = used.followed_by(decode_next(encode(changed), before))

    present = {key: following.choose(key, "anna", None, None) for key in TWO.flags}
    assert {key: present[key].value is former[key].value for key in TWO.flags} == {
        "digit-reader": True,
        "ranker": False,
    }
    assert present["ranker"].value == former["ranker"].value


def test_a_flag_in_use_costs_the_hosts_garbage_collector_little() -> None:
    many = {f"flag-{n}": replace(TWO.flags["digit-reader"], key=f"flag-{n}") for n in range(200)}
    body = encode(replace(TWO, flags=many))
    gc.collect()
    before = len(gc.get_objects())

    used = Evaluation(decode_next(body, None))
    for key in many:
        used.choose(key, "anna", None, None)

    gc.collect()
    payloads = 2
    # Its function, and the tuple of what that knows.
    assert (len(gc.get_objects()) - before) / len(many) <= payloads + 2.5


@slow_to_draw
@given(rulesets(), st.sampled_from(CONTEXTS), st.data())
def test_functions_carried_over_answer_as_new_ones(
    known: Ruleset, context: Context, data: st.DataObject
) -> None:
    before = decode_next(encode(known), None)
    used = Evaluation(before, now=lambda: 1e9)
    for key in before.flags:
        used.choose(key, "anna", context, None)
    switched = data.draw(st.sets(st.sampled_from(sorted(known.flags)))) if known.flags else set()
    flags = {
        key: replace(flag, enabled=flag.enabled ^ (key in switched)) for key, flag in known.flags.items()
    }
    after = decode_next(encode(replace(known, revision=known.revision ^ 1, flags=flags)), before)

    following = used.followed_by(after)

    afresh = Evaluation(decode(encode(after)), now=lambda: 1e9)
    for key in after.flags:
        assert following.choose(key, "bert", context, None) == afresh.choose(key, "bert", context, None)
        assert used.choose(key, "bert", context, None).revision == known.revision


def test_a_flag_gone_is_gone() -> None:
    before = decode_next(encode(TWO), None)

    after = decode_next(encode(ruleset(TWO.flags["ranker"])), before)

    assert "digit-reader" not in after.flags
    assert after.flags.keys() == {"ranker"}
    assert after.flags.get("digit-reader") is None


def test_an_unchanged_flag_that_needs_one_that_is_gone_is_refused() -> None:
    needing = replace(TWO.flags["digit-reader"], requires=(Serves("ranker", ("v1",)),))
    before = decode_next(encode(ruleset(needing, TWO.flags["ranker"])), None)
    body = encode(ruleset(needing, TWO.flags["ranker"])).replace(b'"ranker":{', b'"other":{')

    with pytest.raises(CodecError, match="there is no flag 'ranker'"):
        decode_next(body, before)
