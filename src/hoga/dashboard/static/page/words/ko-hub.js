// Korean. The hub's panel, and alerts.
export default {
  missed: "누락", "hk-public": "공개", "hk-private": "개인",
  al: {
    "connection-lost": "연결 끊김", "error-rate": "잘못된 프레임이 많음", gap: "사고", disk: "디스크", clock: "시계", duplicates: "반복된 프레임", ladder: "트레이더 단계", exit: "비상 청산", relay: "릴레이",
  },
  at: {
    lost: "연결 상태: {state}", "bad-frames": "프레임의 {percent}%를 쓸 수 없습니다", incident: "사고 1건: {what}", incidents: "사고 {count}건, 최근: {what}",
    "disk-full": "예비 공간 {reserve} MB에 도달하여 기록하지 않습니다", writer: "디스크에 쓸 수 없습니다: {why}", clock: "이 시스템의 시계가 {offset} ms 어긋났습니다 (기준: {source})",
    skewed: "{venue}의 지연이 {median} ms로 나오지만, 이 시스템의 시계는 {offset} ms만 어긋나 있습니다 (기준: {source})", "skewed-alone": "{venue}의 지연이 {median} ms로 나옵니다. 시계가 서로 다르며, 이 시스템의 시계 오차는 알 수 없습니다",
    duplicates: "1분 안에 한 연결에서 같은 프레임 {count}개가 두 번 왔습니다. 따로 보관합니다", jumps: "1분 안에 스트림 {count}개의 번호가 처음부터 다시 시작했습니다. 거래소가 재시작되었으며 모두 기록합니다",
    "relay-away": "기록한 것이 NATS에 닿지 않습니다 ({why}). 잃는 것은 없으며, NATS가 돌아오면 보냅니다",
  },
  i: {
    disconnect: "{who} {span} 동안 끊김", "latency-gate": "지연 게이트가 {span} 동안 닫힘", backpressure: "{span} 동안 디스크가 시장보다 느림", "disk-full": "{span} 동안 디스크가 가득 참",
    crash: "기록기가 강제 종료됨, {span} 누락", shutdown: "기록기가 {span} 동안 꺼져 있었음", silence: "{span} 동안 수신 없음", "sequence-gap": "{span}에 걸쳐 거래소 번호가 비어 있음", "clock-step": "이 시스템의 시계가 {span} 조정됨",
    malformed: "{span} 동안 읽을 수 없는 프레임",
  },
  who: {
    conn: "{conn} 연결이", venue: "{venue} 연결 또는 구독이", none: "연결이",
  },
  hub: {
    "": "허브: 구성 요소와 구독", unused: "허브를 쓰는 프로그램이 없습니다. hoga.connect()로 씁니다.", components: "구성 요소 {count}개, 구독 {subscriptions}개, 보관된 최신 값 {values}개", delivered: "이벤트 {count}개 전달",
    latency: "수신→콜백 {ms} ms (평균 / p99)", dropped: "{count}개 버림", raised: "콜백 예외 {count}건", stale: "이전 프레임 {count}개", subs: "구독 {count}개", requests: "요청 {count}건",
    errors: "오류 {percent}",
  },
};
