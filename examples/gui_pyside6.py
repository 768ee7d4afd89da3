"""A window of live prices with PySide6: the hub in a thread of its own, the window in the main thread, no lock anywhere.

pip install PySide6-Essentials
hoga sim --port 9443 &      (or against the venue itself: no variables)
HOGA_BINANCE__WS_URL=ws://127.0.0.1:9443 HOGA_BINANCE__REST_URL=http://127.0.0.1:9444 python examples/gui_pyside6.py

Pull: a timer paints the latest values. Push: trades come in a courier's thread, and reach the window by a signal.
"""

import sys
from datetime import UTC, datetime

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QListWidget, QMainWindow, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

import hoga

SYMBOLS = ["BTCUSDT", "ETHUSDT"]
COLUMNS = ["last", "change", "bid", "ask", "age"]


class Feed(QObject):
    """The component: it lives in the main thread, its methods are called in the hub's, and only emit."""

    traded = Signal(object)
    told = Signal(object)

    def on_trade(self, event: hoga.TradeEvent) -> None:
        """In a courier's thread."""
        self.traded.emit(event)

    def on_status(self, event: object) -> None:
        """On the hub's loop."""
        self.told.emit(event)


class Window(QMainWindow):
    """One row per symbol, the last trades below, what goes wrong in the status bar."""

    def __init__(self, hub: hoga.HubThread) -> None:
        super().__init__()
        self.hub = hub
        self.feed = Feed()
        self.feed.traded.connect(self.show_trade, Qt.ConnectionType.QueuedConnection)
        self.feed.told.connect(self.show_status, Qt.ConnectionType.QueuedConnection)
        self.client = hoga.SimpleWebSocketClient("window", manager=hub.manager)
        hub.call(self.client.register_interests(SYMBOLS, [hoga.DataType.TICKER, hoga.DataType.ORDERBOOK]))
        wish = hoga.SubscriptionSpec(hoga.DataType.TRADE, SYMBOLS, mode=hoga.Mode.REALTIME)
        feed = self.feed
        hub.call(
            hub.manager.register_component(
                "window trades", feed, [wish], feed.on_trade, overflow=hoga.Overflow.THROTTLE, interval_s=0.1, on_status=feed.on_status
            )
        )
        self.table = QTableWidget(len(SYMBOLS), len(COLUMNS))
        self.table.setVerticalHeaderLabels(SYMBOLS)
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.trades = QListWidget()
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.addWidget(self.table)
        layout.addWidget(self.trades)
        self.setCentralWidget(middle)
        self.setWindowTitle("hoga")
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.paint_values)
        self.timer.start(100)

    def paint_values(self) -> None:
        """Ten times a second: the newest of each, grey when it may not hold any more."""
        for row, symbol in enumerate(SYMBOLS):
            ticker, book = self.client.get_ticker(symbol), self.client.get_orderbook(symbol)
            texts = ["–"] * len(COLUMNS)
            if ticker is not None:
                texts[:2] = [f"{ticker.trade_price:f}", f"{ticker.signed_change_rate * 100:+.2f} %"]
            if book is not None:
                texts[2:4] = [f"{side[0]:f}" if side is not None else "–" for side in (book.best_bid, book.best_ask)]
                texts[4] = f"{(datetime.now(UTC) - book.time).total_seconds():.1f} s"
            stale = self.client.is_stale(symbol, hoga.DataType.ORDERBOOK)
            for column, text in enumerate(texts):
                cell = QTableWidgetItem(text)
                cell.setForeground(Qt.GlobalColor.gray if stale else Qt.GlobalColor.black)
                self.table.setItem(row, column, cell)

    def show_trade(self, event: hoga.TradeEvent) -> None:
        """In the main thread, by the signal."""
        self.trades.insertItem(0, f"{event.time:%H:%M:%S} {event.symbol} {event.taker} {event.size:f} at {event.price:f}")
        while self.trades.count() > 50:
            self.trades.takeItem(50)

    def show_status(self, event: object) -> None:
        """In the main thread, by the signal."""
        if isinstance(event, hoga.EpochEvent):
            self.statusBar().showMessage(f"{event.conn} {'is connected' if event.up else f'is down: {event.why}'}")
        elif isinstance(event, hoga.SubscriptionErrorEvent):
            self.statusBar().showMessage(str(event.error))

    def closeEvent(self, event: QCloseEvent) -> None:  # Qt's name
        """Nothing is asked for any more. (Losing the window would end its interests, too.)"""
        self.timer.stop()
        self.hub.call(self.client.close())
        self.hub.call(self.hub.manager.unregister_component("window trades"))
        event.accept()


def main(seconds: float) -> None:
    """Until the window is closed, or so long."""
    app = QApplication(sys.argv[:1])
    with hoga.HubThread() as hub:
        window = Window(hub)
        window.show()
        if seconds:
            QTimer.singleShot(int(seconds * 1000), window.close)
        app.exec()
        for row, symbol in enumerate(SYMBOLS):
            print(symbol, *(item.text() if (item := window.table.item(row, column)) else "–" for column in range(len(COLUMNS))))
        print(f"{window.trades.count()} trades shown, {window.statusBar().currentMessage()}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0)
