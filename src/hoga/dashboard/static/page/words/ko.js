// Korean. What is always needed.
export default {
  picture: "그림", skip: "스트림으로 건너뛰기", simulated: "모의 데이터: 실제 시장이 아닙니다", connections: "연결", log: "로그", never: "예상되지 않음",
  none: "없음", happened: "사고", find: "찾기", less: "접기", age: "{span} 전 값", "viewers-1": "접속자 1명", "minutes-1": "1분",   "not-told-yet": "기록기를 기다리는 중입니다.", "up-of": "{all}개 중 {up}개 연결", "machine-recorder": "시스템과 기록기",
  "of-cpus": "/ {count}개", "in-use-rss": "{percent}, 기록기 {rss}", "free-of": "{total} 중 {free} 여유", "p50-p99-most": "{p50} / {p99} / {most}", "net-in-out": "수신 {in}/s · 송신 {out}/s",
  "after-an-hour": "1시간 뒤에 알 수 있음", "days-at": "{span}, 하루 {pace}", "clock-by": "{ms} 차이 (기준: {source})", "clock-unknown": "비교할 기준 없음", minutes: "{count}분",
  "first-minute": "첫 1분을 기록하는 중", waiting: "{count}분 대기", "days-merged": "{count}일 병합", each: "{span}마다 {cost}", viewers: "접속자 {count}명", restarts: "재시작 {count}회", instruments: "종목",
  "of-streams": "{count} · 스트림 {streams}개", "filter-hint": "btc  venue:upbit  state:silent", "stand-still": "멈춤 (스페이스)", "go-on": "계속 (스페이스)",
  "zoom-back": "확대 취소 (Esc, 더블 클릭)", group: "호가 단위, 틱", sum: "누적", ladder: "호가창", price: "가격", size: "수량", "waiting-book": "호가를 기다리는 중입니다.",
  "more-reasons": "원인 {count}개 더 보기", "more-reasons-1": "원인 1개 더 보기", "since-at": "{time}부터", "went-on": "마지막 소식 때 진행 중", "incidents-open": "{open}건 진행 중 · 24시간 {count}건", "incidents-day": "24시간 {count}건",
  "group-ticks": "{ticks}틱씩 묶기", "spread-line": "{text} · {ticks}틱 · {bps} bps", "spread-one": "{text} · 1틱 · {bps} bps",
  state: {
    recording: "기록 중", degraded: "일부 문제", stopped: "기록 중단", waiting: "연결 중…",
  },
  s: {
    ok: "✓ 기록 중", gated: "✕ 지연 초과", disk: "✕ 디스크 부족", disconnected: "✕ 연결 끊김", silent: "✕ 무응답", down: "✕ 중단", never: "… 연결 중", unknown: "? 알 수 없음",
  },
  cs: {
    disconnected: "… 연결 끊김", connecting: "… 연결 중", connected: "✓ 연결됨", handover: "✓ 교대 중", reconnecting: "✕ 재연결 중", refused: "✕ 거절됨", stopped: "✕ 정지",
  },
  n: {
    group: "호가 묶기", streams: "스트림 {count}개", range: "곡선의 기간", now: "현재", tabs: "화면 나누기", "streams-1": "스트림 1개", filter: "찾기", sort: "목록 순서",
  },
  loss: {
    "": "손실: {loss}", none: "손실 없음", unknown: "셀 수 없음", n: "프레임 {count}개", "n-1": "프레임 1개", least: "프레임 {count}개 이상",
  },
  g: {
    disconnect: "연결 끊김", "latency-gate": "지연 초과", backpressure: "디스크 느림", "disk-full": "디스크 부족", crash: "강제 종료", shutdown: "정지", silence: "무응답", "sequence-gap": "번호 누락",
    "clock-step": "시계 조정", malformed: "읽을 수 없음",
  },
  k: {
    orderbook: "호가창", execution: "체결", delta: "호가 변경", quote: "최우선 호가", ticker: "현재가", kline: "캔들",
  },
  p: {
    map: "지도", charts: "곡선", today: "오늘",
  },
  tab: {
    now: "현재", streams: "스트림", book: "호가", curves: "곡선", incidents: "사고", trader: "거래",
  },
  tip: {
    find: "종목 찾기 (/)", theme: "밝게 또는 어둡게 (t)", language: "EN: View in English (l)", help: "도움말: 단축키와 각 수치의 뜻 (?)", settings: "설정: 언어, 테마, 색, 시각", close: "닫기 (Esc)",
    before: "이전 종목 (↑)", next: "다음 종목 (↓)", "only-bad": "문제 있는 것만 (b)",
  },
  sub: {
    recording: "스트림 {streams}개 중 {live}개", since: "{span}째", last: "{ago} 전: {what}, {span}",
  },
  link: {
    live: "실시간", stale: "갱신 없음", lost: "대시보드가 {span}째 응답하지 않습니다", "lost-short": "응답 없음", "lost-word": "대시보드 연결 끊김", over: "세션 종료: 새로고침하세요", full: "접속자가 너무 많음, 재시도 중", wait: "연결 중",
  },
  c: {
    "reconnects-1": "재연결 1회{per}", up: "{span} 유지", reconnects: "재연결 {count}회{per}", "per-hour": " (최근 1시간 {count}회)", "never-cut": "끊긴 적 없음", health: "품질 {percent} %",
    epoch: "에포크 {epoch}", down: "{time}부터 끊김 ({span})", again: "{seconds}초 후 {attempt}번째 시도", trying: "{attempt}번째 시도 중",
  },
  tile: {
    clock: "시계가 달라 지연이 아님", "records-1": "기록 1건", rate: "프레임", latency: "지연 p50 / p99", share: "오늘 기록률", incidents: "오늘의 사고", todisk: "디스크까지", disk: "디스크", records: "기록 {count}건", "not-yet": "아직 알 수 없음",
    day: "오늘(UTC) 지금까지의 {share} %", worst: "최악 {name} {ms} ms", open: "{count}건 진행 중", "of-today": "오늘 {count}건", "nothing-lost": "손실 없음",
    "p50-most": "절반 {p50}, 최대 {most} ms", free: "{unit} 여유", "days-later": "남은 날: 1시간 뒤에 계산", pace: "hoga가 하루 {pace} 기록", years: "10년 이상", days: "일 남음", left: "남음",
    "free-pace": "여유 {free}, 하루 {pace}",
  },
  no: {
    log: "아직 로그가 없습니다.", incidents: "지난 24시간 동안 사고가 없습니다.", connection: "아직 연결이 없습니다.", "instrument-short": "종목 없음",
    match: "“{filter}”에 맞는 종목이 없습니다. 이름 일부, venue:…, kind:…, state:trouble 로 찾을 수 있습니다.", instrument: "설정된 종목이 없습니다. hoga.conf의 SYMBOLS와 STREAMS에 적습니다.",
    canvas: "(이 브라우저는 그림을 그리지 못합니다.)", book: "이 종목에는 전체 호가를 담은 스트림이 없습니다.",
  },
  w: {
    disconnect: "{who}연결 끊김", "latency-gate": "{who}지연 초과: 게이트 닫힘", backpressure: "디스크가 시장보다 느림", "disk-full": "디스크 가득 참", crash: "기록기 강제 종료", shutdown: "기록기 꺼짐", silence: "{who}무응답",
    "sequence-gap": "{who}번호 누락", "clock-step": "시계 조정", malformed: "{who}읽을 수 없는 프레임",
  },
  ml: {
    cpu: "프로세서", collector: "기록기", workers: "작업자", memory: "메모리", disk: "디스크", todisk: "디스크까지", fsync: "fsync", lag: "루프 지연", gc: "GC 정지", net: "네트워크", days: "디스크 남은 기간",
    trend: "디스크, 전체 프로그램", clock: "시계", queue: "대기열", sealed: "봉인", lost: "손실", odd: "특이 프레임", temp: "온도", publish: "스냅샷", dash: "대시보드",
  },
  fact: {
    latency: "{median}, p99 {p99}", records: "기록 {count}건", flush: "{span}마다 디스크로", queue: "{count}건 디스크 대기", day: "오늘 {share} %",
  },
  sort: {
    trouble: "문제 먼저", name: "이름순", rate: "빈도순", latency: "지연순", p99: "p99순", gaps: "공백순",
  },
  pc: {
    rate: "초당 프레임", latency: "지연", disk: "수신 → 디스크", load: "프로세서와 대기열", cpu: "전체", collector: "기록기 (코어 하나 기준)", "collector-short": "기록기", queue: "대기 중인 레코드",
    alt: "{title}, {from}부터 {to}까지", said: "{name}: 마지막 {now}, 최저 {low}, 최고 {high}", empty: "이 시간에는 측정값이 없습니다", bands: "사고 {count}건이 표시되어 있습니다",
  },
  tape: {
    "": "최근 체결", time: "시각", none: "최근 5분 동안 체결이 없습니다.", never: "이 종목의 체결은 기록하지 않습니다.", lost: "체결 {count}건은 너무 빨라 표시하지 못했습니다.",
  },
  heat: {
    "": "호가 잔량과 체결", alt: "{name}의 최근 {minutes}분 호가 잔량. {best}", best: "최우선 매수 {bid}, 최우선 매도 {ask}.", nothing: "보관된 호가 없음", size: "수량 {size}", "no-size": "잔량 없음",
  },
  day: {
    none: "아직 종목이 없습니다.", said: "종목 {count}개 중 {whole}개는 오늘 손실이 있는 분이 없습니다.", worst: "가장 나쁨: {name}, {words}.", minutes: "온전한 {whole}분, 손실이 있는 {missed}분", ahead: "아직 판정 전",
    before: "기록 시작 전", whole: "모두 기록됨", part: "이 분의 최대 {share} % 누락", missed: "누락",
  },
  own: {
    none: "오늘 이 종목의 사고는 없습니다.", some: "오늘 이 종목의 사고 {count}건:", one: "오늘 이 종목의 사고 1건:",
  },
};
