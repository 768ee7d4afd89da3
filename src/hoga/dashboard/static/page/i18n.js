// Every text of the page, in both languages. `r-…` are the reasons of the verdict, `s-…` the states of streams.
import { setUnits } from "./format.js";

const TEXTS = {
  en: {
    skip: "Skip to the streams", simulated: "SIMULATED DATA: this is not a market", settings: "Settings", language: "Language", theme: "Theme",
    auto: "As the system", light: "Light", dark: "Dark", colours: "Bid and ask", "colours-west": "Green bid, red ask", "colours-korea": "Red bid, blue ask",
    time: "Times", local: "Local", now: "Now", streams: "Streams", filter: "Filter streams", "only-bad": "Only troubled",
    today: "Today", lasted: "Lasted", reason: "Reason", missed: "Missed",
    charts: "Last 15 minutes", connections: "Connections", machine: "Machine", log: "Log",
    keys: "Keys: / filter · ↑ ↓ choose a stream · b troubled only · t theme · l language",
    "state-recording": "Recording", "state-degraded": "Degraded", "state-stopped": "Not recording", "state-waiting": "Connecting…",
    "sub-degraded": "{live} of {streams} streams are recorded", "sub-stopped": "", "sub-waiting": "",
    rate: "frames/s", live: "live streams", gaps: "gaps", p99: "p99 latency", tick: "to disk, p99", queue: "queue", disk: "disk free", clock: "clock offset",
    "s-ok": "✓ recording", "s-gated": "✕ too late", "s-disk": "✕ disk full", "s-disconnected": "✕ disconnected", "s-silent": "✕ silent", "s-down": "✕ down", "s-never": "… connecting", "s-unknown": "? unknown",
    connection: "Connection", state: "State", epoch: "Epoch", health: "Health",
    "cs-disconnected": "… disconnected", "cs-connecting": "… connecting", "cs-connected": "✓ connected", "cs-handover": "✓ handover", "cs-reconnecting": "✕ reconnecting", "cs-refused": "✕ refused", "cs-stopped": "✕ stopped",
    "m-cpu": "Processors", "m-collector": "Recorder, one processor", "m-memory": "Memory in use", "m-disk": "Disk free",
    subject: "About", "al-connection-lost": "Connection lost", "al-error-rate": "Many bad frames", "al-gap": "Incident", "al-disk": "Disk", "al-clock": "Clock",
    hub: "Hub: components and their subscriptions",
    "hk-public": "public", "hk-private": "private",
    never: "not in sight", unknown: "not known",
    "p-started": "Started", none: "none",
    "share": "{percent} % complete since recording began, {proven} % proven by ids",
    "r-not-running": "No recorder is running for {folder}", "r-page-empty": "The recorder is starting", "r-page-foreign": "The recorder's page is not one of hoga's", "r-page-version": "The recorder is another version of hoga than this dashboard", "r-page-torn": "The recorder's page cannot be read",
    "r-stale": "The recorder has given no sign of life for {seconds} s", "r-starting": "The recorder is starting", "r-stopping": "The recorder is being stopped",
    "r-disk-full": "The disk is full: {free} MB free, and {reserve} MB are kept back ({venue}). Recording is paused", "r-writer": "The disk refuses to be written: {why} ({venue})",
    "r-disconnected": "{connection} has been disconnected for {seconds} s ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s", "r-quiet": "Nothing has come on {connection} for {seconds} s: {streams} streams", "r-unsubscribed": "{venue} has not accepted {count} subscriptions for {seconds} s: {names}",
    "r-silent": "{count} silent for {seconds} s: {names}",
    "r-gate": "Latency gate closed: {names} too late (median {median} ms, threshold {threshold} ms). Not recorded", "r-late": "Late, but recorded: {names} (median {median} ms, threshold {threshold} ms)",
    "r-backpressure": "The disk is slower than the market: {waiting} records wait", "r-disk-low": "The disk is nearly full: {free} MB free, recording pauses at {reserve} MB", "r-disk-soon": "The disk reserve will be reached in {hours} h: hoga writes {per_day} MB a day",
    "r-clock": "The clock of this machine is off by {offset} ms (by {source})", "r-skewed": "The clocks of this machine and of {venue} differ: latencies come out as {median} ms. Check this machine's (chrony, NTP)", "r-memory": "Memory is short: {percent} % in use, {limit} % desired at most", "r-sealing": "{waiting} minutes wait to be sealed ({venue})",
    "r-never-connected": "{connection} has not connected for {seconds} s ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s",
    "r-disk-trend": "The disk reserve will be reached in {hours} h, as all programs on this file system use it up; hoga itself is not the cause",
    "r-skewed-venue": "The clock of {venue} seems to be off: latencies come out as {median} ms, though this machine's is off by {offset} ms only (by {source})", "al-duplicates": "Repeated frames",
    "at-lost": "the connection is {state}", "at-bad-frames": "{percent} % of its frames cannot be used", "at-incident": "1 incident: {what}", "at-incidents": "{count} incidents, the newest: {what}",
    "at-disk-full": "the reserve of {reserve} MB is reached, nothing is recorded", "at-writer": "the disk refuses to be written: {why}", "at-clock": "this machine's clock is off by {offset} ms (by {source})",
    "at-skewed": "latencies of {venue} come out as {median} ms, though this machine's clock is off by {offset} ms only (by {source})",
    "at-skewed-alone": "latencies of {venue} come out as {median} ms, the clocks differ: nobody could tell how far this machine's is off",
    "at-duplicates": "{count} frames came twice within a minute on one connection, byte for byte; they are kept aside", "at-jumps": "ids began anew in {count} streams within a minute: the venue was restarted or reset; everything is recorded", "i-disconnect": "{who} was cut for {span}", "i-latency-gate": "the latency gate was closed for {span}",
    "i-backpressure": "the disk was slower than the market for {span}", "i-disk-full": "the disk was full for {span}", "i-crash": "the recorder had been killed; {span} are missing", "i-shutdown": "the recorder was off for {span}",
    "i-silence": "nothing came for {span}", "i-sequence-gap": "the venue's ids have a hole over {span}", "i-clock-step": "this machine's clock was set by {span}", "i-malformed": "frames could not be read for {span}",
    "who-conn": "connection {conn}", "who-venue": "a connection to {venue}, or a subscription there,", "who-none": "a connection", "n-streams": "{count} streams", "loss-none": "none lost", "loss-unknown": "not countable", "loss-least": "at least {count}",
    "g-disconnect": "disconnected", "g-latency-gate": "too late", "g-backpressure": "disk too slow", "g-disk-full": "disk full", "g-crash": "killed", "g-shutdown": "stopped", "g-silence": "silent", "g-sequence-gap": "ids missing",
    "g-clock-step": "clock set", "g-malformed": "unreadable", "k-orderbook": "order book", "k-execution": "trades", "k-delta": "book changes", "k-quote": "best prices", "k-ticker": "ticker", "k-kline": "candles",
    incidents: "incidents", venue: "Venue", happened: "Incidents", what: "What happened",
    "t-title": "Trader", "t-flatten": "Leave all positions…", "t-confirm": "Leave all positions now", "t-cancel": "Do not",
    "t-sure": "All orders of trader {trader} are cancelled and all its positions are closed at the market. {seconds} s to confirm.", "t-refused": "Not done: {why}",
    "t-begun": "The exit has begun. The trader stays at FLATTEN until somebody resumes it.", "t-disarmed": "Taken back: nothing was done.", "t-too-late": "Not confirmed in time: nothing was done.",
    "t-no-answer": "the dashboard does not answer", "t-positions": "Positions", "t-flat": "Nothing is held.", "t-orders": "Orders", "t-of-all": "{shown} of {all}", "t-room": "Limits", "t-accounts": "Accounts and markets",
    "t-figures": "What the trader measures of itself", "t-tail": "Journal, the newest first", "t-simulated": "not real money", "t-mode-live": "live", "t-mode-paper": "on paper", "t-mode-shadow": "shadow: nothing is sent",
    "t-waiting": "not trading yet", "t-stale": "The trader has said nothing for {seconds} s; it stood at {rung}",
    "t-gone": "The trader's process is gone ({seconds} s); it stood at {rung}. What it held is below; its next start reads it again", "t-rung-ACTIVE": "it trades", "t-rung-NO_OPEN": "nothing that raises a position",
    "t-rung-REDUCING": "only what reduces positions", "t-rung-HALTED": "only stops that protect", "t-rung-FLATTEN": "all positions are left", "t-resume": "Incident {incident}: once you have looked, hoga resume {incident} --data {data}",
    "t-exit": "Exit", "t-disk": "The journal cannot be written ({why}): {count} records wait", "t-armed": "A flatten is armed by {by}", "t-net": "net, {currency}", "t-realized": "won today, {currency}", "t-open-pnl": "open, {currency}",
    "t-fees": "fees today, {currency}", "t-funding": "funding today, {currency}", "t-sent": "orders sent", "t-fills": "trades", "t-unknown": "orders nobody knows", "t-journal": "journal records", "t-strategies": "strategies running",
    "t-symbol": "Instrument", "t-strategy": "Strategy", "t-quantity": "Quantity", "t-entry": "Entry", "t-unrealized": "Open profit", "t-id": "Id", "t-side": "Side", "t-kind": "Kind", "t-filled": "Filled", "t-age": "Since",
    "t-all": "all of it", "t-nobodys": "nobody's", "t-limit": "Limit", "t-used": "Used", "t-of": "Of", "t-share": "Share", "t-stream": "Stream", "t-compared": "Compared with the venue", "t-equity": "Equity", "t-bid": "Bid",
    "t-ask": "Ask", "t-mark": "Mark", "t-data": "Data", "t-live": "✓ live", "t-down": "✕ down", "t-ready": "✓ ready", "t-not-ready": "▲ not ready", "t-not-yet": "not yet", "t-ago": "{span} ago", "t-step": "Step", "t-span": "Over",
    "t-count": "Times", "t-p50": "p50", "t-p99": "p99", "t-p999": "p99.9", "t-most": "Most", "t-bar": "Bar", "t-when": "Time", "t-record": "Record", "t-side-buy": "buy", "t-side-sell": "sell", "t-kind-market": "market",
    "t-kind-limit": "limit", "t-kind-stop": "stop", "t-kind-take": "take", "t-kind-trail": "trail", "t-cause-operator-flatten": "somebody asked for the emergency exit", "t-cause-operator-halt": "somebody asked for a halt",
    "t-cause-stopped-flatten": "it was stopped, and ON_STOP is flatten", "t-cause-daily-loss": "the day's loss reached MAX_DAILY_LOSS", "t-cause-drawdown": "the equity is MAX_DRAWDOWN below its highest",
    "t-cause-engine-fault": "the engine failed", "t-cause-risk-fault": "the risk gate failed", "t-cause-log-fault": "the order journal cannot be written", "t-cause-invariant": "what can never be was found",
    "t-cause-late-fill": "an order that was proven absent was filled", "t-cause-overfill": "an order was filled beyond its quantity", "t-cause-stream-dead": "the account's stream is dead, and the venue cannot be asked either",
    "t-cause-stream-down": "the account's stream is down", "t-cause-unknown-order": "nobody knows what became of an order", "t-cause-mismatch": "the venue and the trader disagree",
    "t-cause-unexplained": "a position that no trade explains", "t-cause-unreconciled": "orders and positions are not read yet", "t-cause-stale-market": "market data are stale",
    "t-cause-stale-with-position": "market data are stale, and there is a position", "t-cause-clock": "the clock is wrong", "t-cause-backlog": "more waits than can be worked off",
    "t-cause-settings": "leverage, margin type or position mode are not as they should be", "t-cause-unprotected": "a position has no stop within its deadline",
    "t-cause-unprotectable": "the price is beyond the stop, and none can be placed", "t-cause-strategy-fault": "the strategy failed", "t-cause-log-quarantined": "the order journal is not as it was written",
    "t-cause-losses-in-a-row": "MAX_LOSSES_IN_A_ROW is reached", "t-cause-margin-call": "the venue calls for margin", "al-ladder": "The trader's ladder", "al-exit": "Emergency exit",
    "t-f-decision": "frame → decision", "t-f-bytes": "frame → order's bytes", "t-f-ack": "bytes → the venue's answer", "t-f-fill": "bytes → first trade", "t-f-gc": "garbage collection", "t-f-lag": "event loop lag", "t-f-lock": "waiting for locks", "t-f-backlog": "events that wait", "t-f-memory": "memory growth",
  },
  ko: {
    skip: "스트림으로 건너뛰기", simulated: "모의 데이터: 실제 시장이 아닙니다", settings: "설정", language: "언어", theme: "테마",
    auto: "시스템 설정", light: "밝게", dark: "어둡게", colours: "매수·매도 색", "colours-west": "매수 초록, 매도 빨강", "colours-korea": "매수 빨강, 매도 파랑",
    time: "시각", local: "현지", now: "현재", streams: "스트림", filter: "스트림 찾기", "only-bad": "문제만",
    today: "오늘", lasted: "길이", reason: "원인", missed: "누락",
    charts: "최근 15분", connections: "연결", machine: "시스템", log: "로그",
    keys: "단축키: / 찾기 · ↑ ↓ 스트림 선택 · b 문제만 · t 테마 · l 언어",
    "state-recording": "기록 중", "state-degraded": "일부 문제", "state-stopped": "기록 중단", "state-waiting": "연결 중…",
    "sub-degraded": "스트림 {streams}개 중 {live}개 기록 중", "sub-stopped": "", "sub-waiting": "",
    rate: "초당 프레임", live: "정상 스트림", gaps: "공백", p99: "지연 p99", tick: "디스크까지 p99", queue: "대기열", disk: "디스크 여유", clock: "시계 오차",
    "s-ok": "✓ 기록 중", "s-gated": "✕ 지연 초과", "s-disk": "✕ 디스크 부족", "s-disconnected": "✕ 연결 끊김", "s-silent": "✕ 무응답", "s-down": "✕ 중단", "s-never": "… 연결 중", "s-unknown": "? 알 수 없음",
    connection: "연결", state: "상태", epoch: "에포크", health: "연결 품질",
    "cs-disconnected": "… 연결 끊김", "cs-connecting": "… 연결 중", "cs-connected": "✓ 연결됨", "cs-handover": "✓ 교대 중", "cs-reconnecting": "✕ 재연결 중", "cs-refused": "✕ 거절됨", "cs-stopped": "✕ 정지",
    "m-cpu": "프로세서", "m-collector": "기록기, 프로세서 1개 기준", "m-memory": "메모리 사용", "m-disk": "디스크 여유",
    subject: "대상", "al-connection-lost": "연결 끊김", "al-error-rate": "잘못된 프레임이 많음", "al-gap": "사고", "al-disk": "디스크", "al-clock": "시계",
    hub: "허브: 구성 요소와 구독",
    "hk-public": "공개", "hk-private": "개인",
    never: "예상되지 않음", unknown: "알 수 없음",
    "p-started": "시작", none: "없음",
    "share": "기록 시작 이후 {percent}% 완전, {proven}%는 ID로 증명됨",
    "r-not-running": "{folder}에 대한 기록기가 실행되고 있지 않습니다", "r-page-empty": "기록기가 시작하는 중입니다", "r-page-foreign": "기록기의 페이지가 hoga의 것이 아닙니다", "r-page-version": "기록기와 대시보드의 hoga 버전이 다릅니다", "r-page-torn": "기록기의 페이지를 읽을 수 없습니다",
    "r-stale": "기록기가 {seconds}초째 응답이 없습니다", "r-starting": "기록기가 시작하는 중입니다", "r-stopping": "기록기를 정지하는 중입니다",
    "r-disk-full": "디스크가 가득 찼습니다: 여유 {free} MB, 예비 {reserve} MB ({venue}). 기록이 일시 중지되었습니다", "r-writer": "디스크에 쓸 수 없습니다: {why} ({venue})",
    "r-disconnected": "{connection} 연결이 {seconds}초째 끊겨 있습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도", "r-quiet": "{connection}에 {seconds}초째 아무것도 오지 않습니다: 스트림 {streams}개", "r-unsubscribed": "{venue}에서 구독 {count}개를 {seconds}초째 받아들이지 않습니다: {names}",
    "r-silent": "무응답 스트림 {count}개, {seconds}초째: {names}",
    "r-gate": "지연 게이트 닫힘: {names}의 지연이 너무 큽니다 (중앙값 {median} ms, 기준 {threshold} ms). 기록하지 않습니다", "r-late": "늦지만 기록 중: {names} (중앙값 {median} ms, 기준 {threshold} ms)",
    "r-backpressure": "디스크가 시장보다 느립니다: {waiting}건 대기 중", "r-disk-low": "디스크가 거의 찼습니다: 여유 {free} MB, {reserve} MB에서 기록이 중단됩니다", "r-disk-soon": "{hours}시간 후 디스크 예비 공간에 도달합니다: hoga가 하루 {per_day} MB를 씁니다",
    "r-clock": "이 시스템의 시계가 {offset} ms 어긋났습니다 (기준: {source})", "r-skewed": "이 시스템과 {venue}의 시계가 다릅니다: 지연이 {median} ms로 나옵니다. 이 시스템의 시계(chrony, NTP)를 확인하세요", "r-memory": "메모리가 부족합니다: {percent}% 사용 중, 목표 {limit}% 이하", "r-sealing": "{waiting}분치가 봉인을 기다립니다 ({venue})",
    "r-never-connected": "{connection}이(가) {seconds}초째 연결되지 못했습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도", "r-disk-trend": "{hours}시간 후 디스크 예비 공간에 도달합니다. 이 파일 시스템의 모든 프로그램을 합한 속도이며, 원인은 hoga가 아닙니다",
    "r-skewed-venue": "{venue}의 시계가 어긋난 것 같습니다: 지연이 {median} ms로 나오지만, 이 시스템의 시계는 {offset} ms만 어긋나 있습니다 (기준: {source})", "al-duplicates": "반복된 프레임", "at-lost": "연결 상태: {state}", "at-bad-frames": "프레임의 {percent}%를 쓸 수 없습니다",
    "at-incident": "사고 1건: {what}", "at-incidents": "사고 {count}건, 최근: {what}", "at-disk-full": "예비 공간 {reserve} MB에 도달하여 기록하지 않습니다", "at-writer": "디스크에 쓸 수 없습니다: {why}", "at-clock": "이 시스템의 시계가 {offset} ms 어긋났습니다 (기준: {source})",
    "at-skewed": "{venue}의 지연이 {median} ms로 나오지만, 이 시스템의 시계는 {offset} ms만 어긋나 있습니다 (기준: {source})", "at-skewed-alone": "{venue}의 지연이 {median} ms로 나옵니다. 시계가 서로 다르며, 이 시스템의 시계 오차는 알 수 없습니다",
    "at-duplicates": "1분 안에 한 연결에서 같은 프레임 {count}개가 두 번 왔습니다. 따로 보관합니다", "at-jumps": "1분 안에 스트림 {count}개의 번호가 처음부터 다시 시작했습니다. 거래소가 재시작되었으며 모두 기록합니다", "i-disconnect": "{who} {span} 동안 끊김", "i-latency-gate": "지연 게이트가 {span} 동안 닫힘", "i-backpressure": "{span} 동안 디스크가 시장보다 느림",
    "i-disk-full": "{span} 동안 디스크가 가득 참", "i-crash": "기록기가 강제 종료됨, {span} 누락", "i-shutdown": "기록기가 {span} 동안 꺼져 있었음", "i-silence": "{span} 동안 수신 없음", "i-sequence-gap": "{span}에 걸쳐 거래소 번호가 비어 있음",
    "i-clock-step": "이 시스템의 시계가 {span} 조정됨", "i-malformed": "{span} 동안 읽을 수 없는 프레임", "who-conn": "{conn} 연결이", "who-venue": "{venue} 연결 또는 구독이", "who-none": "연결이", "n-streams": "스트림 {count}개", "loss-none": "손실 없음",
    "loss-unknown": "셀 수 없음", "loss-least": "최소 {count}", "g-disconnect": "연결 끊김", "g-latency-gate": "지연 초과", "g-backpressure": "디스크 느림", "g-disk-full": "디스크 부족", "g-crash": "강제 종료", "g-shutdown": "정지", "g-silence": "무응답",
    "g-sequence-gap": "번호 누락", "g-clock-step": "시계 조정", "g-malformed": "읽을 수 없음", "k-orderbook": "호가창", "k-execution": "체결", "k-delta": "호가 변경", "k-quote": "최우선 호가", "k-ticker": "현재가", "k-kline": "캔들", incidents: "사고", venue: "거래소",
    happened: "사고", what: "무슨 일",
    "t-title": "트레이더", "t-flatten": "모든 포지션 정리…", "t-confirm": "지금 모두 정리", "t-cancel": "하지 않음", "t-sure": "트레이더 {trader}의 주문을 모두 취소하고 포지션을 모두 시장가로 닫습니다. {seconds}초 안에 확인하세요.", "t-refused": "실행하지 않음: {why}",
    "t-begun": "비상 청산을 시작했습니다. 누군가 재개할 때까지 FLATTEN에 머무릅니다.", "t-disarmed": "철회했습니다: 아무것도 하지 않았습니다.", "t-too-late": "제때 확인하지 않아 아무것도 하지 않았습니다.", "t-no-answer": "대시보드가 응답하지 않습니다", "t-positions": "포지션", "t-flat": "보유한 것이 없습니다.",
    "t-orders": "주문", "t-of-all": "전체 {all}건 중 {shown}건", "t-room": "한도", "t-accounts": "계좌와 시장", "t-figures": "트레이더가 스스로 잰 값", "t-tail": "저널, 위가 최신", "t-simulated": "실제 돈이 아님", "t-mode-live": "실거래", "t-mode-paper": "모의 체결",
    "t-mode-shadow": "섀도: 주문을 보내지 않음", "t-waiting": "아직 거래하지 않음", "t-stale": "트레이더가 {seconds}초 동안 소식이 없습니다. 마지막 단계: {rung}", "t-gone": "트레이더 프로세스가 사라졌습니다({seconds}초). 마지막 단계: {rung}. 보유 내역은 아래에 있고, 다음 시작 때 다시 읽습니다",
    "t-rung-ACTIVE": "거래 중", "t-rung-NO_OPEN": "포지션을 늘리지 않음", "t-rung-REDUCING": "포지션을 줄이는 주문만", "t-rung-HALTED": "보호 스톱만", "t-rung-FLATTEN": "모든 포지션을 정리함", "t-resume": "사건 {incident}: 살펴본 뒤 hoga resume {incident} --data {data}",
    "t-exit": "비상 청산", "t-disk": "저널을 쓸 수 없음({why}): 기록 {count}개 대기", "t-armed": "정리 준비됨: {by}", "t-net": "순손익, {currency}", "t-realized": "오늘 실현, {currency}", "t-open-pnl": "미실현, {currency}", "t-fees": "오늘 수수료, {currency}",
    "t-funding": "오늘 펀딩, {currency}", "t-sent": "보낸 주문", "t-fills": "체결", "t-unknown": "결과를 모르는 주문", "t-journal": "저널 기록", "t-strategies": "실행 중인 전략", "t-symbol": "종목", "t-strategy": "전략", "t-quantity": "수량", "t-entry": "진입가",
    "t-unrealized": "미실현 손익", "t-id": "ID", "t-side": "방향", "t-kind": "종류", "t-filled": "체결량", "t-age": "경과", "t-all": "전량", "t-nobodys": "주인 없음", "t-limit": "한도", "t-used": "사용", "t-of": "최대", "t-share": "비율", "t-stream": "스트림",
    "t-compared": "거래소와 대조", "t-equity": "평가액", "t-bid": "매수", "t-ask": "매도", "t-mark": "마크", "t-data": "데이터", "t-live": "✓ 연결됨", "t-down": "✕ 끊김", "t-ready": "✓ 준비됨", "t-not-ready": "▲ 준비 안 됨", "t-not-yet": "아직", "t-ago": "{span} 전",
    "t-step": "단계", "t-span": "구간", "t-count": "횟수", "t-p50": "p50", "t-p99": "p99", "t-p999": "p99.9", "t-most": "최대", "t-bar": "기준", "t-when": "시각", "t-record": "기록", "t-side-buy": "매수", "t-side-sell": "매도", "t-kind-market": "시장가",
    "t-kind-limit": "지정가", "t-kind-stop": "스톱", "t-kind-take": "익절", "t-kind-trail": "추적", "t-cause-operator-flatten": "누군가 비상 청산을 요청함", "t-cause-operator-halt": "누군가 정지를 요청함", "t-cause-stopped-flatten": "종료되었고 ON_STOP이 flatten임",
    "t-cause-daily-loss": "하루 손실이 MAX_DAILY_LOSS에 이름", "t-cause-drawdown": "평가액이 최고점보다 MAX_DRAWDOWN만큼 낮음", "t-cause-engine-fault": "엔진 오류", "t-cause-risk-fault": "위험 검사 오류", "t-cause-log-fault": "주문 저널을 쓸 수 없음",
    "t-cause-invariant": "있을 수 없는 상태가 발견됨", "t-cause-late-fill": "없다고 증명된 주문이 체결됨", "t-cause-overfill": "주문이 수량을 넘어 체결됨", "t-cause-stream-dead": "계좌 스트림이 끊겼고 거래소에 물을 수도 없음", "t-cause-stream-down": "계좌 스트림이 끊김",
    "t-cause-unknown-order": "결과를 모르는 주문이 있음", "t-cause-mismatch": "거래소와 트레이더의 기록이 다름", "t-cause-unexplained": "어떤 체결로도 설명되지 않는 포지션", "t-cause-unreconciled": "주문과 포지션을 아직 읽지 않음", "t-cause-stale-market": "시세가 오래됨",
    "t-cause-stale-with-position": "포지션이 있는데 시세가 오래됨", "t-cause-clock": "시계가 맞지 않음", "t-cause-backlog": "처리할 수 없을 만큼 밀림", "t-cause-settings": "레버리지, 마진 방식 또는 포지션 모드가 설정과 다름", "t-cause-unprotected": "제때 스톱이 걸리지 않은 포지션",
    "t-cause-unprotectable": "가격이 스톱을 지나 스톱을 걸 수 없음", "t-cause-strategy-fault": "전략 오류", "t-cause-log-quarantined": "주문 저널이 기록된 그대로가 아님", "t-cause-losses-in-a-row": "MAX_LOSSES_IN_A_ROW에 이름", "t-cause-margin-call": "거래소의 마진 콜",
    "al-ladder": "트레이더 단계", "al-exit": "비상 청산",
    "t-f-decision": "프레임 → 판단", "t-f-bytes": "프레임 → 주문 전송", "t-f-ack": "전송 → 거래소 응답", "t-f-fill": "전송 → 첫 체결", "t-f-gc": "가비지 수집", "t-f-lag": "이벤트 루프 지연", "t-f-lock": "잠금 대기", "t-f-backlog": "대기 중인 이벤트", "t-f-memory": "메모리 증가",
  },
};

let language = "en";

export const languages = Object.keys(TEXTS);

// Words of a module's own: addTexts({en: {...}, ko: {...}}).
export function addTexts(more) { for (const name of languages) Object.assign(TEXTS[name], more[name]); }

export function setLanguage(name) {
  language = TEXTS[name] ? name : "en";
  document.documentElement.lang = language;
  setUnits(language === "ko" ? { s: "초", min: "분", h: "시간", d: "일" } : { s: " s", min: " min", h: " h", d: " d" });
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = t(node.dataset.hint);
  for (const node of document.querySelectorAll("[data-name]")) node.setAttribute("aria-label", t(`n-${node.dataset.name}`));
  for (const node of document.querySelectorAll("[data-tip]")) { // a control without words: its name, and what it does
    node.title = t(`tip-${node.dataset.tip}`);
    node.setAttribute("aria-label", node.title);
  }
}

export const known = (key) => key in TEXTS.en;

export function t(key, args) {
  const one = args && String(args.count ?? args.streams) === "1" ? `${key}-1` : key; // one of it, where the language has words for that
  const text = TEXTS[language][one] ?? TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return args ? text.replace(/\{(\w+)\}/g, (_, name) => args[name] ?? "") : text;
}
