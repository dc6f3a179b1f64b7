"""How often variants were chosen, told to the server without costing the host anything."""

import pytest

from pointsman import ConfigurationError, Options
from pointsman.core.choice import Choice, ErrorCode, Reason
from pointsman.usage import MOST_PAIRS, Usage
from tests.sdk.conftest import Connect
from tests.sdk.servers import WITHIN_S, Asked, Reply, Server, acknowledging


def chosen(flag: str, variant: str | None, error: ErrorCode | None = None) -> Choice:
    return Choice(flag, "u", variant, None, Reason.SPLIT, None, 1, error)


def told(server: Server) -> dict[str, dict[str, int]]:
    """What the server has heard in all, of the batches it acknowledged once."""
    sums: dict[str, dict[str, int]] = {}
    for batch in {each.batch["batch"]: each.batch for each in server.to("/v1/events")}.values():
        for flag, variants in batch.get("evaluations", {}).items():
            for variant, count in variants.items():
                known = sums.setdefault(flag, {})
                known[variant] = known.get(variant, 0) + count
    return sums


def test_what_was_told_is_not_told_again() -> None:
    usage = Usage()
    for _ in range(3):
        usage.first(chosen("a", "v1"))
    usage.first(chosen("a", None, ErrorCode.GENERAL))

    first = usage.take()
    usage.first(chosen("a", "v1"))
    usage.first(chosen("b", "v2"))

    assert first == {"a": {"v1": 3}}
    assert usage.has_news
    assert usage.take() == {"a": {"v1": 1}, "b": {"v2": 1}}
    assert usage.take() == {}
    assert not usage.has_news


def test_more_than_a_batch_takes_is_told_with_the_next() -> None:
    usage = Usage()
    for number in range(MOST_PAIRS + 5):
        usage.first(chosen(f"f{number}", "v1"))

    first, second, third = usage.take(), usage.take(), usage.take()

    assert (len(first), len(second), len(third)) == (MOST_PAIRS, 5, 0)
    assert not first.keys() & second.keys()


def test_evaluations_alone_reach_the_server_by_themselves(server: Server, connect: Connect) -> None:
    client = connect(usage_interval_s=0.05)
    assert client.wait_until_ready(WITHIN_S)

    choices = [client.variant("digit-reader", unit=n) for n in range(200)]

    counts = {name: sum(each.variant == name for each in choices) for name in ("v1", "v2")}
    server.wait_for(lambda: told(server) == {"digit-reader": counts})
    assert all(not each.batch["events"] for each in server.to("/v1/events"))
    assert client.stats().sent == 0


def test_evaluations_ride_along_with_events_and_are_told_at_the_end(server: Server, connect: Connect) -> None:
    client = connect(usage_interval_s=3_600)
    assert client.wait_until_ready(WITHIN_S)
    for n in range(50):
        client.expose(client.variant("digit-reader", unit=n))
    assert client.flush(WITHIN_S)
    assert told(server) == {}

    assert client.close(WITHIN_S)

    assert sum(told(server)["digit-reader"].values()) == 50
    assert client.stats().accepted == 50


def test_unknown_flags_and_bad_units_are_no_evaluations(server: Server, connect: Connect) -> None:
    client = connect(usage_interval_s=3_600)
    client.variant("digit-reader", unit="too early")
    assert client.wait_until_ready(WITHIN_S)

    client.variant("no such flag", unit="u")
    client.variant("digit-reader", unit="")
    client.variant([], unit="u")  # type: ignore[arg-type]  # that is the test
    client.variant("digit-reader", unit="u")
    client.close(WITHIN_S)

    assert sum(sum(each.values()) for each in told(server).values()) == 1


def test_a_batch_of_counts_that_is_lost_on_the_way_is_sent_again_and_counts_once(
    server: Server, connect: Connect
) -> None:
    refusals = iter([Reply(status=503)] * 2)

    def script(asked: Asked) -> Reply:
        return next(refusals, None) or acknowledging(asked)

    server.events_script = script
    client = connect(usage_interval_s=0.05, backoff_s=0.01)
    assert client.wait_until_ready(WITHIN_S)
    client.variant("digit-reader", unit="u")

    server.wait_for_asked("/v1/events", 3)

    assert len({each.raw for each in server.to("/v1/events")}) == 1
    assert sum(told(server)["digit-reader"].values()) == 1


def test_a_device_says_its_name_and_the_rules_it_is_at(server: Server, connect: Connect) -> None:
    client = connect(device="kiosk-17")
    assert client.wait_until_ready(WITHIN_S)

    client.record("click", unit="u")
    assert client.flush(WITHIN_S)

    batch = server.to("/v1/events")[0].batch
    assert (batch["device"], batch["revision"]) == ("kiosk-17", 7)


def test_before_any_ruleset_there_is_no_revision_to_tell(server: Server, connect: Connect) -> None:
    server.ruleset_script = lambda _: Reply(status=503)
    client = connect()

    client.record("click", unit="u")
    assert client.flush(WITHIN_S)

    assert not {"device", "revision"} & server.to("/v1/events")[0].batch.keys()


@pytest.mark.parametrize("device", ["x" * 65, "a\nb", "\x00", 7])
def test_a_device_has_a_name_for_people(device: object) -> None:
    with pytest.raises(ConfigurationError, match="device"):
        Options(device=device)  # type: ignore[arg-type]  # that is the test
