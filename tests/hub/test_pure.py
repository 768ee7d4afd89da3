"""The deciders: subscriptions, epochs, pace, metrics, independence, alerts, states."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from hoga.core.market import DataType
from hoga.hub.alerts import AlertKind, Alerts
from hoga.hub.epochs import EpochManager
from hoga.hub.errors import RecoveryError, SubscriptionError
from hoga.hub.independence import ConnectionIndependenceMonitor
from hoga.hub.metrics import ConnectionMetrics
from hoga.hub.pace import Pace
from hoga.hub.resolve import Resolver
from hoga.hub.states import CONNECTION_MOVES, MANAGER_MOVES, ConnectionState, GlobalManagerState, WebSocketType, diagram, move
from hoga.hub.subscriptions import Mode, SubscriptionSpec, SubscriptionStateManager
from hoga.venues.registry import VENUES

SYMBOLS = [f"KRW-{name}" for name in "ABCDE"]
TYPES = [DataType.TICKER, DataType.TRADE, DataType.ORDERBOOK]


class Subscriptions(RuleBasedStateMachine):
    """Against a model that forgets nothing: the union of what each component asked for last."""

    components = Bundle("components")

    def __init__(self) -> None:
        super().__init__()
        self.state = SubscriptionStateManager(Resolver({"upbit": VENUES["upbit"]}))
        self.model: dict[str, set[tuple[str, DataType]]] = {}
        self.told: set[tuple[str, str]] = set()

    @rule(
        target=components,
        name=st.sampled_from("abcdef"),
        wishes=st.lists(st.tuples(st.sampled_from(TYPES), st.lists(st.sampled_from(SYMBOLS), min_size=1)), min_size=1, max_size=3),
    )
    def register(self, name: str, wishes: list[tuple[DataType, list[str]]]) -> str:
        _, change = self.state.register(name, [SubscriptionSpec(data_type, symbols) for data_type, symbols in wishes])
        self.model[name] = {(symbol, data_type) for data_type, symbols in wishes for symbol in symbols}
        self.follow(change.added, change.removed)
        return name

    @rule(name=consumes(components))
    def unregister(self, name: str) -> None:
        change = self.state.unregister(name)
        self.model.pop(name, None)
        self.follow(change.added, change.removed)

    def follow(self, added: list, removed: list) -> None:  # type: ignore[type-arg]
        assert not {stream.name for stream in added} & {name for _, name in self.told}
        self.told |= {(stream.symbol, stream.name) for stream in added}
        self.told -= {(stream.symbol, stream.name) for stream in removed}

    @invariant()
    def what_is_wanted_is_the_union(self) -> None:
        union = {(symbol, data_type.value) for wants in self.model.values() for symbol, data_type in wants}
        wanted = {(stream.symbol, stream.channel) for each in self.state.wanted() for stream in each.streams}
        assert wanted == union
        assert {(symbol, name.partition("@")[2]) for symbol, name in self.told} == union
        assert set(self.state.get_active_subscriptions()) == set(self.model)


TestSubscriptions = Subscriptions.TestCase


def state() -> SubscriptionStateManager:
    return SubscriptionStateManager(Resolver({"upbit": VENUES["upbit"], "binance": VENUES["binance"]}))


def test_a_symbol_another_component_still_wants_stays() -> None:
    subscriptions = state()
    for name, symbols in (("a", ["KRW-A", "KRW-B"]), ("b", ["KRW-B", "KRW-C"]), ("c", ["KRW-C", "KRW-A"])):
        subscriptions.register(name, [SubscriptionSpec(DataType.TICKER, symbols)])
    assert subscriptions.unregister("b").removed == []
    assert [stream.symbol for stream in subscriptions.unregister("a").removed] == ["KRW-B"]
    assert {stream.symbol for stream in subscriptions.unregister("c").removed} == {"KRW-C", "KRW-A"}
    assert subscriptions.wanted() == []


def test_a_snapshot_want_ends_by_itself_and_a_running_stream_stays() -> None:
    subscriptions = state()
    subscriptions.register("live", [SubscriptionSpec(DataType.ORDERBOOK, ["KRW-A"], mode=Mode.REALTIME)])
    subscription, change = subscriptions.register("once", [SubscriptionSpec(DataType.ORDERBOOK, ["KRW-A", "KRW-B"], mode=Mode.SNAPSHOT)])
    assert [stream.symbol for stream in change.added] == ["KRW-B"]
    for stream in list(subscription.streams):
        change = subscriptions.snapshot_served("once", stream)
        assert [each.symbol for each in change.removed] == (["KRW-B"] if stream.symbol == "KRW-B" else [])
    assert subscription.streams == {}


def test_wishes_of_two_venues_become_two_sets() -> None:
    subscriptions = state()
    subscriptions.register("a", [SubscriptionSpec(DataType.TICKER, ["KRW-A"]), SubscriptionSpec(DataType.TICKER, ["BTCUSDT"])])
    assert {(each.venue, each.kind) for each in subscriptions.wanted()} == {
        ("upbit", WebSocketType.PUBLIC), ("binance", WebSocketType.PUBLIC),
    }  # fmt: skip


def test_a_bad_symbol_is_told_and_its_neighbours_are_served() -> None:
    resolver = Resolver(VENUES)
    resolver.known["upbit"] = {"KRW-BTC": "TRADING", "KRW-ETH": "TRADING"}
    subscriptions = SubscriptionStateManager(resolver)
    subscription, _ = subscriptions.register("a", [SubscriptionSpec(DataType.TICKER, ["krw-eth", "KRW-BTCC"], venue="upbit")])
    assert [stream.symbol for stream in subscription.streams] == ["KRW-ETH"]
    error = subscription.errors[0]
    assert (error.venue, error.symbols, error.hint) == ("upbit", ("KRW-BTCC",), "did you mean KRW-BTC?")


@pytest.mark.parametrize(
    "wish, why",
    [
        (SubscriptionSpec(DataType.TICKER, []), "no symbols"),
        (SubscriptionSpec(DataType.TICKER, ["???"]), "no venue has symbols like these"),
        (SubscriptionSpec(DataType.LIQUIDATION, ["KRW-A"]), "has no liquidation stream"),
        (SubscriptionSpec(DataType.CANDLE, ["KRW-A"], interval="7m"), "unknown stream"),
    ],
)
def test_a_wish_that_makes_no_sense_changes_nothing(wish: SubscriptionSpec, why: str) -> None:
    subscriptions = state()
    with pytest.raises(SubscriptionError, match=why):
        subscriptions.register("a", [SubscriptionSpec(DataType.TICKER, ["KRW-A"]), wish])
    assert subscriptions.wanted() == []
    assert subscriptions.get_active_subscriptions() == {}


def test_only_the_newest_lives_unless_two_hand_over() -> None:
    epochs = EpochManager()
    first = epochs.begin("c")
    second = epochs.begin("c")
    assert epochs.is_current_epoch("c", first)
    epochs.end("c", first)
    assert not epochs.is_current_epoch("c", first)
    assert epochs.is_current_epoch("c", second)
    assert (epochs.get_current_epoch("c"), epochs.stale_frames("c")) == (2, 1)
    with pytest.raises(AssertionError):
        epochs.begin("c", second)
    assert epochs.begin("c", first) == first  # seen after the newer one, by somebody else's number: one life more
    assert epochs.alive("c") == {first, second}
    assert (epochs.get_current_epoch("c"), epochs.begin("c")) == (second, second + 1)


async def test_incrementing_ends_all_earlier_lives() -> None:
    epochs = EpochManager()
    living = epochs.living("c")
    first = await epochs.increment_epoch("c")
    assert await epochs.increment_epoch("c") == first + 1
    assert living == {first + 1}


def test_five_components_within_half_a_second_are_one_telling() -> None:
    pace, tellings, now = Pace(), 0, 0.0
    changes = [0.0, 0.1, 0.2, 0.35, 0.5]
    while now < 3:
        if changes and now >= changes[0]:
            pace.changed(changes.pop(0))
        if pace.due(now) == 0:
            tellings += 1
            pace.told(now)
        now += 0.01
    assert tellings == 1


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=400))
def test_sustained_churn_stays_below_the_limits_and_everything_is_told_in_time(gaps: list[float]) -> None:
    pace, now, told = Pace(per_minute=60), 0.0, []
    changes, waiting = [], None
    for gap in gaps:
        changes.append((changes[-1] if changes else 0.0) + gap)
    while changes or waiting is not None:
        while changes and changes[0] <= now:
            waiting = changes.pop(0) if waiting is None else (changes.pop(0), waiting)[1]
            pace.changed(now)
        if pace.due(now) == 0:
            assert waiting is not None
            told.append(now)
            pace.told(now)
            waiting = None
        now += 0.05
    for at in told:
        assert sum(1 for other in told if at <= other < at + 60) <= 60
    assert all(later - earlier >= 0.04 for earlier, later in zip(told, told[1:], strict=False))


def metrics(**changes: object) -> ConnectionMetrics:
    base: dict[str, object] = {
        "connection": "c", "venue": "v", "connection_type": WebSocketType.PUBLIC, "state": ConnectionState.CONNECTED,
        "at_s": 100.0, "connect_time": 0.0, "last_message_time": 99.0, "message_count": 100, "current_subscriptions": 1,
    }  # fmt: skip
    return ConnectionMetrics(**(base | changes))  # type: ignore[arg-type]


def test_health_is_the_documented_formula() -> None:
    assert metrics().health_score == pytest.approx(1.0)
    assert metrics(state=ConnectionState.RECONNECTING).health_score == 0.0
    assert metrics(last_message_time=65.0).health_score == pytest.approx(0.4 * 0.5 + 0.6)
    assert metrics(error_count=10).health_score == pytest.approx(0.7)
    assert metrics(reconnects_last_hour=2).health_score == pytest.approx(0.7 + 0.1)
    assert metrics(last_message_time=0.0, current_subscriptions=0).health_score == pytest.approx(1.0)
    assert (metrics().uptime_seconds, metrics().error_rate) == (100.0, 0.0)


def test_trouble_that_touches_another_connection_is_seen() -> None:
    monitor, now = ConnectionIndependenceMonitor(), 0.0
    for second in range(20):
        now = float(second)
        monitor.count("private", 100 * second, now)
    monitor.trouble("public", now, "1006")
    monitor.count("private", 100 * 19 + 10, now + 1)
    assert monitor.detect_connection_interference() == [
        "private: 10.0 instead of 100.0 frames a second after public was in trouble"
    ]  # fmt: skip
    with pytest.raises(RecoveryError):
        monitor.ensure_connection_isolation()


def test_trouble_alone_and_the_venues_own_cut_are_no_interference() -> None:
    monitor = ConnectionIndependenceMonitor()
    for second in range(30):
        monitor.count("private", 100 * second, float(second))
        if second == 10:
            monitor.trouble("public", 10.0, "1006")
    monitor.trouble("a", 50.0, "1001 going away")
    monitor.trouble("b", 50.5, "1001 going away")
    assert monitor.detect_connection_interference() == []
    monitor.ensure_connection_isolation()
    assert monitor.monitor_cross_connection_impact()["venue_wide"] == 1


def test_an_alert_waits_is_told_once_and_ends_once() -> None:
    alerts, told = Alerts(), []
    bad = [0, 1, 2, 20, 21, 22, 40]
    for second in range(80):
        alert = alerts.observe(AlertKind.CONNECTION_LOST, "c", bad=second in bad or 20 <= second < 50, text="down", now_s=float(second))
        if alert is not None:
            told.append((second, alert.raised))
    assert told == [(30, True), (60, False)]
    assert alerts.active() == []
    assert alerts.observe(AlertKind.DISK, "/", bad=True, text="full", now_s=0.0) is not None


@pytest.mark.parametrize("table, states", [(CONNECTION_MOVES, ConnectionState), (MANAGER_MOVES, GlobalManagerState)])
def test_the_diagrams_show_every_state_and_move(table: dict, states: type) -> None:  # type: ignore[type-arg]
    picture = diagram(table)
    assert set(table) == set(states)
    for old, news in table.items():
        for new in news:
            assert f"{old} --> {new}" in picture
            assert move(table, old, new) is new
    with pytest.raises(AssertionError):
        move(MANAGER_MOVES, GlobalManagerState.STOPPED, GlobalManagerState.ACTIVE)


def test_the_guide_shows_the_table() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "hub.md").read_text(encoding="utf-8")
    assert diagram(CONNECTION_MOVES) in page
