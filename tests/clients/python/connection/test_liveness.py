"""A gateway that says nothing."""

from tickgate_client.connection.liveness import Limits, Liveness


def test_a_silent_gateway_is_asked_then_doubted_then_given_up() -> None:
    """Asked once a second; prices are in doubt after 2.5 s, and the connection is dead after 5 s."""
    liveness = Liveness(Limits(), 0.0)
    liveness.heard(2)
    asked, verdicts = [], {}
    for tenths in range(81):
        now = tenths / 10
        verdicts[now] = liveness.look(now)
        if liveness.ping(now):
            asked.append(now)
    assert [0.1, 0.4, 1.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0] == asked
    assert ("well", "silent", "silent", "dead") == (verdicts[4.4], verdicts[4.5], verdicts[6.9], verdicts[7.0])


def test_a_gateway_that_speaks_is_asked_for_its_time_only() -> None:
    """Three times soon, for a good estimate, and twice a minute later."""
    liveness = Liveness(Limits(), 0.0)
    asked = []
    for tenths in range(700):
        liveness.heard(tenths / 10)
        liveness.look(tenths / 10)
        if liveness.ping(tenths / 10):
            asked.append(tenths / 10)
    assert [0.1, 0.4, 1.0, 31.0, 61.0] == asked


def test_a_program_that_stood_still_gives_the_gateway_a_moment() -> None:
    """What came meanwhile is read first; then silence counts again."""
    liveness = Liveness(Limits(), 0.0)
    assert "well" == liveness.look(60)
    assert "well" == liveness.look(60.5)
    assert "silent" == liveness.look(61.5)
    assert "dead" == [liveness.look(61.5 + half / 2) for half in range(6)][-1]
