// Korean. What is wrong: in a sentence, and in the few words of the bar.
export default {
  r: {
    "not-running": "{folder}에 대한 기록기가 실행되고 있지 않습니다", "page-empty": "기록기가 시작하는 중입니다", "page-foreign": "기록기의 페이지가 hoga의 것이 아닙니다", "page-version": "기록기와 대시보드의 hoga 버전이 다릅니다",
    "page-torn": "기록기의 페이지를 읽을 수 없습니다", stale: "기록기가 {seconds}초째 응답이 없습니다", starting: "기록기가 시작하는 중입니다", stopping: "기록기를 정지하는 중입니다",
    "disk-full": "디스크가 가득 찼습니다: 여유 {free} MB, 예비 {reserve} MB ({venue}). 기록이 일시 중지되었습니다", writer: "디스크에 쓸 수 없습니다: {why} ({venue})",
    disconnected: "{connection} 연결이 {seconds}초째 끊겨 있습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도", quiet: "{connection}에 {seconds}초째 아무것도 오지 않습니다: 스트림 {streams}개",
    unsubscribed: "{venue}에서 구독 {count}개를 {seconds}초째 받아들이지 않습니다: {names}", silent: "무응답 스트림 {count}개, {seconds}초째: {names}",
    gate: "지연 게이트 닫힘: {names}의 지연이 너무 큽니다 (중앙값 {median} ms, 기준 {threshold} ms). 기록하지 않습니다", late: "늦지만 기록 중: {names} (중앙값 {median} ms, 기준 {threshold} ms)",
    backpressure: "디스크가 시장보다 느립니다: {waiting}건 대기 중", "disk-low": "디스크가 거의 찼습니다: 여유 {free} MB, {reserve} MB에서 기록이 중단됩니다",
    "disk-soon": "{hours}시간 후 디스크 예비 공간에 도달합니다: hoga가 하루 {per_day} MB를 씁니다", clock: "이 시스템의 시계가 {offset} ms 어긋났습니다 (기준: {source})",
    skewed: "이 시스템과 {venue}의 시계가 다릅니다: 지연이 {median} ms로 나옵니다. 이 시스템의 시계(chrony, NTP)를 확인하세요", memory: "메모리가 부족합니다: {percent}% 사용 중, 목표 {limit}% 이하",
    sealing: "{waiting}분치가 봉인을 기다립니다 ({venue})", "never-connected": "{connection}이(가) {seconds}초째 연결되지 못했습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도",
    "relay-away": "{collector}이(가) 기록한 것이 {seconds}초째 NATS에 닿지 않습니다 ({why}). 잃는 것은 없습니다. 원장과 날짜 {waiting}개가 디스크에서 기다립니다",
    "relay-damaged": "파일 {count}개가 봉인된 때와 달라 NATS로 보내지 않습니다. 최근: {file}",
    "disk-trend": "{hours}시간 후 디스크 예비 공간에 도달합니다. 이 파일 시스템의 모든 프로그램을 합한 속도이며, 원인은 hoga가 아닙니다",
    "skewed-venue": "{venue}의 시계가 어긋난 것 같습니다: 지연이 {median} ms로 나오지만, 이 시스템의 시계는 {offset} ms만 어긋나 있습니다 (기준: {source})",
  },
  v: {
    disconnected: "{connection} {span}째 끊김 · {retry}초 후 {attempt}번째 시도", "never-connected": "{connection} {span}째 연결 못 함 · {retry}초 후 {attempt}번째 시도",
    silent: "무응답 {count}개, {span}째: {names}", gate: "지연 초과: {names}, 중앙값 {median} ms", "disk-full": "디스크가 가득 참: 여유 {free} MB", "disk-low": "디스크가 거의 참: 여유 {free} MB",
    unsubscribed: "구독이 {span}째 받아들여지지 않음: {names}", stale: "기록기가 {span}째 응답이 없음",
  },
};
