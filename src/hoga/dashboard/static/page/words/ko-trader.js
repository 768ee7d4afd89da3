// Korean. A trader's panel.
export default {
  reason: "원인", state: "상태", subject: "대상", "p-started": "시작", venue: "거래소", what: "무슨 일", "t-side-buy": "매수", "t-side-sell": "매도",
  t: {
    title: "트레이더", flatten: "모든 포지션 정리…", confirm: "지금 모두 정리", cancel: "하지 않음", sure: "트레이더 {trader}의 주문을 모두 취소하고 포지션을 모두 시장가로 닫습니다. {seconds}초 안에 확인하세요.", refused: "실행하지 않음: {why}",
    begun: "비상 청산을 시작했습니다. 누군가 재개할 때까지 FLATTEN에 머무릅니다.", disarmed: "철회했습니다: 아무것도 하지 않았습니다.", "too-late": "제때 확인하지 않아 아무것도 하지 않았습니다.", "no-answer": "대시보드가 응답하지 않습니다", positions: "포지션",
    flat: "보유한 것이 없습니다.", orders: "주문", "of-all": "전체 {all}건 중 {shown}건", room: "한도", accounts: "계좌와 시장", figures: "트레이더가 스스로 잰 값", tail: "저널, 위가 최신", simulated: "실제 돈이 아님",
    waiting: "아직 거래하지 않음", stale: "트레이더가 {seconds}초 동안 소식이 없습니다. 마지막 단계: {rung}", gone: "트레이더 프로세스가 사라졌습니다({seconds}초). 마지막 단계: {rung}. 보유 내역은 아래에 있고, 다음 시작 때 다시 읽습니다",
    resume: "사건 {incident}: 살펴본 뒤 hoga resume {incident} --data {data}", exit: "비상 청산", disk: "저널을 쓸 수 없음({why}): 기록 {count}개 대기", armed: "정리 준비됨: {by}", net: "순손익, {currency}",
    realized: "오늘 실현, {currency}", "open-pnl": "미실현, {currency}", fees: "오늘 수수료, {currency}", funding: "오늘 펀딩, {currency}", sent: "보낸 주문", fills: "체결", unknown: "결과를 모르는 주문",
    journal: "저널 기록", strategies: "실행 중인 전략", symbol: "종목", strategy: "전략", quantity: "수량", entry: "진입가", unrealized: "미실현 손익", id: "ID", side: "방향", kind: "종류", filled: "체결량",
    age: "경과", all: "전량", nobodys: "주인 없음", limit: "한도", used: "사용", of: "최대", share: "비율", stream: "스트림", compared: "거래소와 대조", equity: "평가액", bid: "매수", ask: "매도", mark: "마크",
    data: "데이터", live: "✓ 연결됨", down: "✕ 끊김", ready: "✓ 준비됨", "not-ready": "▲ 준비 안 됨", "not-yet": "아직", ago: "{span} 전", step: "단계", span: "구간", count: "횟수", p50: "p50", p99: "p99",
    p999: "p99.9", most: "최대", bar: "기준", when: "시각", record: "기록",
  },
  "t-mode": {
    live: "실거래", paper: "모의 체결", shadow: "섀도: 주문을 보내지 않음",
  },
  "t-rung": {
    ACTIVE: "거래 중", NO_OPEN: "포지션을 늘리지 않음", REDUCING: "포지션을 줄이는 주문만", HALTED: "보호 스톱만", FLATTEN: "모든 포지션을 정리함",
  },
  "t-kind": {
    market: "시장가", limit: "지정가", stop: "스톱", take: "익절", trail: "추적",
  },
  "t-cause": {
    "operator-flatten": "누군가 비상 청산을 요청함", "operator-halt": "누군가 정지를 요청함", "stopped-flatten": "종료되었고 ON_STOP이 flatten임", "daily-loss": "하루 손실이 MAX_DAILY_LOSS에 이름",
    drawdown: "평가액이 최고점보다 MAX_DRAWDOWN만큼 낮음", "engine-fault": "엔진 오류", "risk-fault": "위험 검사 오류", "log-fault": "주문 저널을 쓸 수 없음", invariant: "있을 수 없는 상태가 발견됨",
    "late-fill": "없다고 증명된 주문이 체결됨", overfill: "주문이 수량을 넘어 체결됨", "stream-dead": "계좌 스트림이 끊겼고 거래소에 물을 수도 없음", "stream-down": "계좌 스트림이 끊김", "unknown-order": "결과를 모르는 주문이 있음",
    mismatch: "거래소와 트레이더의 기록이 다름", unexplained: "어떤 체결로도 설명되지 않는 포지션", unreconciled: "주문과 포지션을 아직 읽지 않음", "stale-market": "시세가 오래됨", "stale-with-position": "포지션이 있는데 시세가 오래됨",
    clock: "시계가 맞지 않음", backlog: "처리할 수 없을 만큼 밀림", settings: "레버리지, 마진 방식 또는 포지션 모드가 설정과 다름", unprotected: "제때 스톱이 걸리지 않은 포지션", unprotectable: "가격이 스톱을 지나 스톱을 걸 수 없음",
    "strategy-fault": "전략 오류", "log-quarantined": "주문 저널이 기록된 그대로가 아님", "losses-in-a-row": "MAX_LOSSES_IN_A_ROW에 이름", "margin-call": "거래소의 마진 콜",
  },
  "t-f": {
    decision: "프레임 → 판단", bytes: "프레임 → 주문 전송", ack: "전송 → 거래소 응답", fill: "전송 → 첫 체결", gc: "가비지 수집", lag: "이벤트 루프 지연", lock: "잠금 대기", backlog: "대기 중인 이벤트", memory: "메모리 증가",
  },
};
