import gc

from runtime.collector import collector_paused


def test_the_collector_goes_on_after_the_last_of_all_pauses() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()

    assert gc.isenabled()


def test_who_runs_without_it_keeps_doing_so() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass

        assert not gc.isenabled()
    finally:
        gc.enable()
