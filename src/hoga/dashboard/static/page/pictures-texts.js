// The words of the pictures, in both languages.
import { addTexts } from "./i18n.js";

addTexts({
  en: {
    "no-canvas": "(This browser draws no pictures.)",
    "map-none": "No streams yet.", "map-hint": "{streams} streams. Point at one to name it; arrows move, Enter chooses.", "map-touch": "{streams} streams. A tap chooses one.", "map-alt": "Map of {streams} streams: {states}", "map-usual": "usually {rate}",
    "map-ok": "recording", "map-never": "connecting", "map-down": "down", "map-silent": "silent", "map-gated": "too late", "map-disconnected": "disconnected", "map-disk": "disk full", "map-unknown": "unknown",
    "pc-rate": "Frames per second", "pc-latency": "Latency", "pc-disk": "Receipt to disk", "pc-load": "Processors and queue", "pc-cpu": "machine", "pc-collector": "recorder, of one processor", "pc-collector-short": "recorder", "pc-queue": "records waiting",
    "pc-alt": "{title}, {from} to {to}", "pc-said": "{name}: now {now}, lowest {low}, highest {high}", "pc-empty": "nothing was measured in this time", "pc-bands": "Incidents marked: {count}",
    range: "Range of time", "range-1m": "The last minute", "range-15m": "The last 15 minutes", "range-1h": "The last hour", "range-24h": "The last 24 hours", "stand-still": "Stand still (space)", "go-on": "Go on (space)", "zoom-back": "Back from the zoom (Escape, double click)",
    group: "Step, ticks", "group-by": "Put price levels together", "group-ticks": "Levels of {ticks} ticks", sum: "Sum", "spread-line": "{text} · {ticks} ticks · {bps} bps", "spread-one": "{text} · 1 tick · {bps} bps", "book-old": "{age} old", ladder: "Order book", price: "Price", size: "Size",
    "waiting-book": "Waiting for the book.", "no-book": "No stream of this instrument carries its whole book.",
    tape: "Last trades", "tape-time": "Time", "tape-none": "No trade in the last five minutes.", "tape-never": "Trades of this instrument are not recorded.", "tape-lost": "{count} trades came too fast to be shown.",
    heat: "Depth and trades", "heat-alt": "Depth of {name} over the last {minutes} min. {best}", "heat-best": "Best bid {bid}, best ask {ask}.", "heat-nothing": "no book was kept", "heat-size": "size {size}", "heat-no-size": "nothing there",
    "day-none": "No instruments yet.", "day-said": "{whole} of {count} instruments have no minute with a loss today.", "day-worst": "Worst: {name}, {words}.", "day-minutes": "{whole} min whole, {missed} min with a loss",
    "day-ahead": "not judged yet", "day-before": "not recorded: recording had not begun", "day-whole": "recorded whole", "day-part": "up to {share} % of the minute missed", "day-missed": "missed", "day-lost": "frames lost: {loss}",
    "own-none": "No incident of it today.", "own-some": "{count} incidents of it today:", "own-one": "1 incident of it today:",
  },
  ko: {
    "no-canvas": "(이 브라우저는 그림을 그리지 못합니다.)",
    "map-none": "아직 스트림이 없습니다.", "map-hint": "스트림 {streams}개. 가리키면 이름이 보이고, 방향키로 옮기고 Enter로 선택합니다.", "map-touch": "스트림 {streams}개. 누르면 선택됩니다.", "map-alt": "스트림 {streams}개의 지도: {states}", "map-usual": "평소 {rate}",
    "map-ok": "기록 중", "map-never": "연결 중", "map-down": "중단", "map-silent": "무응답", "map-gated": "지연 초과", "map-disconnected": "연결 끊김", "map-disk": "디스크 부족", "map-unknown": "알 수 없음",
    "pc-rate": "초당 프레임", "pc-latency": "지연", "pc-disk": "수신 → 디스크", "pc-load": "프로세서와 대기열", "pc-cpu": "전체", "pc-collector": "기록기 (코어 하나 기준)", "pc-collector-short": "기록기", "pc-queue": "대기 중인 레코드",
    "pc-alt": "{title}, {from}부터 {to}까지", "pc-said": "{name}: 지금 {now}, 최저 {low}, 최고 {high}", "pc-empty": "이 시간에는 측정값이 없습니다", "pc-bands": "사고 {count}건이 표시되어 있습니다",
    range: "시간 범위", "range-1m": "최근 1분", "range-15m": "최근 15분", "range-1h": "최근 1시간", "range-24h": "최근 24시간", "stand-still": "멈춤 (스페이스)", "go-on": "계속 (스페이스)", "zoom-back": "확대 취소 (Esc, 더블 클릭)",
    group: "호가 단위, 틱", "group-by": "호가 묶기", "group-ticks": "{ticks}틱씩 묶기", sum: "누적", "spread-line": "{text} · {ticks}틱 · {bps} bps", "spread-one": "{text} · 1틱 · {bps} bps", "book-old": "{age} 전", ladder: "호가창", price: "가격", size: "수량",
    "waiting-book": "호가를 기다리는 중입니다.", "no-book": "이 종목에는 전체 호가를 담은 스트림이 없습니다.",
    tape: "최근 체결", "tape-time": "시각", "tape-none": "최근 5분 동안 체결이 없습니다.", "tape-never": "이 종목의 체결은 기록하지 않습니다.", "tape-lost": "체결 {count}건은 너무 빨라 표시하지 못했습니다.",
    heat: "호가 잔량과 체결", "heat-alt": "{name}의 최근 {minutes}분 호가 잔량. {best}", "heat-best": "최우선 매수 {bid}, 최우선 매도 {ask}.", "heat-nothing": "보관된 호가 없음", "heat-size": "수량 {size}", "heat-no-size": "잔량 없음",
    "day-none": "아직 종목이 없습니다.", "day-said": "종목 {count}개 중 {whole}개는 오늘 손실이 있는 분이 없습니다.", "day-worst": "가장 나쁨: {name}, {words}.", "day-minutes": "온전한 {whole}분, 손실이 있는 {missed}분",
    "day-ahead": "아직 판정 전", "day-before": "기록 시작 전", "day-whole": "모두 기록됨", "day-part": "이 분의 최대 {share} % 누락", "day-missed": "누락", "day-lost": "잃은 프레임: {loss}",
    "own-none": "오늘 이 종목의 사고는 없습니다.", "own-some": "오늘 이 종목의 사고 {count}건:", "own-one": "오늘 이 종목의 사고 1건:",
  },
});
