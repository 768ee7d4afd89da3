// Every text of the page, in both languages. `r-…` are the reasons of gaps.
export const WORDS = {
  en: {
    instrument: "Instrument", kind: "Kind", language: "Language", day: "Day", moment: "Instant (UTC)", span: "Span", link: "Link to this instant", export: "Export what is seen",
    proven: "proven", unprovable: "recorded, unprovable", missing: "missing", book: "Order book", price: "Price", size: "Size", trades: "Trades", time: "Time", side: "Side", gaps: "Gaps",
    from: "From", lasted: "Lasted", reason: "Reason", missed: "Missed", none: "none", uncountable: "nobody can know", bought: "bought", sold: "sold", spread: "spread",
    keys: "Keys: ← → by frame · Shift+← → by a second · Page Up, Page Down by a span · Home, End · drag the day or the picture · wheel: span",
    "no-book": "No book at this instant: nothing was received before it, or something is missing since.", "no-books": "No order books are recorded of this instrument.", "no-depth": "No books in this span.",
    received: "received", before: "before", id: "id", books: "books", brightest: "brightest from a size of", largest: "the largest", depth: "Depth over time", back: "One frame back", ahead: "One frame ahead",
    nothing: "No order books and no trades are recorded here.",
    "r-disconnect": "disconnected", "r-latency-gate": "latency gate closed", "r-backpressure": "disk too slow", "r-disk-full": "disk full", "r-crash": "killed", "r-shutdown": "recorder off",
    "r-silence": "silence", "r-sequence-gap": "hole in the venue's ids", "r-clock-step": "clock was set", "r-malformed": "unreadable frames",
  },
  ko: {
    instrument: "종목", kind: "종류", language: "언어", day: "날짜", moment: "시각 (UTC)", span: "범위", link: "이 시각의 링크", export: "보이는 것 내보내기",
    proven: "증명됨", unprovable: "기록됨, 증명 불가", missing: "누락", book: "호가", price: "가격", size: "잔량", trades: "체결", time: "시각", side: "방향", gaps: "공백",
    from: "시작", lasted: "길이", reason: "원인", missed: "누락", none: "없음", uncountable: "알 수 없음", bought: "매수", sold: "매도", spread: "스프레드",
    keys: "키: ← → 프레임 단위 · Shift+← → 1초 · Page Up, Page Down 범위 단위 · Home, End · 날짜나 그림을 끌기 · 휠: 범위",
    "no-book": "이 시각의 호가가 없습니다. 이전에 받은 것이 없거나 그 사이에 누락이 있습니다.", "no-books": "이 종목의 호가는 기록되지 않았습니다.", "no-depth": "이 범위에 호가가 없습니다.",
    received: "수신", before: "전", id: "ID", books: "개의 호가", brightest: "가장 밝은 잔량", largest: "가장 큰", depth: "시간별 잔량", back: "한 프레임 뒤로", ahead: "한 프레임 앞으로",
    nothing: "호가도 체결도 기록되지 않았습니다.",
    "r-disconnect": "연결 끊김", "r-latency-gate": "지연 게이트 닫힘", "r-backpressure": "디스크가 느림", "r-disk-full": "디스크 가득 참", "r-crash": "강제 종료", "r-shutdown": "기록기 꺼짐",
    "r-silence": "무응답", "r-sequence-gap": "거래소 ID에 구멍", "r-clock-step": "시계 변경", "r-malformed": "읽을 수 없는 프레임",
  },
};
