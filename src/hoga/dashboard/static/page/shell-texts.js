// The shell's words: bar, tabs, tiles, list, incidents, connections, machine, log.
import { addTexts } from "./i18n.js";

addTexts({
  en: {
    "p-map": "Map", "p-charts": "Curves", "p-today": "Today", "n-range": "Time range of the curves", "n-now": "Now", "n-tabs": "Parts of the page",
    "tab-now": "Now", "tab-streams": "Streams", "tab-book": "Book", "tab-curves": "Curves", "tab-incidents": "Incidents", "tab-trader": "Trader",
    "tip-pause": "Pause the page (space)", "tip-find": "Search the instruments (/)", "tip-theme": "Light or dark (t)", "tip-language": "한국어로 보기 (l)", "tip-help": "Help: keys, and what each figure means (?)", "tip-settings": "Settings: language, theme, colours, times",
    find: "Search", help: "Help", "by-language": "As is usual in the language", less: "less", "more-reasons": "{count} more reasons",
    "sub-recording": "{live} of {streams} streams", "sub-since": "for {span}", "since-at": "since {time}", where: "hoga {hoga} · {data} · started {since}",
    "link-live": "live", "link-stale": "stale", "link-lost": "no answer from the dashboard for {span}", "link-lost-word": "Dashboard lost", "link-over": "session over: reload", "link-full": "too many viewers, trying again", "link-wait": "connecting", age: "{span} old",
    "v-disconnected": "{connection} down for {span} · again in {retry} s (attempt {attempt})", "v-never-connected": "{connection} not connected for {span} · again in {retry} s (attempt {attempt})",
    "v-silent": "{count} silent for {span}: {names}", "v-gate": "too late: {names}, median {median} ms", "v-disk-full": "the disk is full: {free} MB free", "v-disk-low": "the disk is nearly full: {free} MB free",
    "v-stale": "the recorder has said nothing for {span}",
    instruments: "Instruments", "of-streams": "{count} · {streams} streams", "n-filter": "Search", "n-sort": "Order of the list", "filter-hint": "btc  venue:upbit  state:silent", "tip-only-bad": "Only what is in trouble (b)",
    "sort-trouble": "trouble first", "sort-name": "by name", "sort-rate": "by rate", "sort-latency": "by latency", "sort-p99": "by p99", "sort-gaps": "by gaps", "no-match": "No instrument matches “{filter}”. Try a part of its name, venue:…, kind:… or state:trouble.",
    "no-instrument": "No instrument is configured: SYMBOLS and STREAMS in hoga.conf name them.", "row-alt": "{symbol}, {venue}, {state}, {rate} frames per second, {streams} streams",
    "r-disconnected": "{connection} has been disconnected for {span} ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s",
    "r-never-connected": "{connection} has not connected for {span} ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s",
  },
  ko: {
    "p-map": "지도", "p-charts": "곡선", "p-today": "오늘", "n-range": "곡선의 기간", "n-now": "현재", "n-tabs": "화면 나누기",
    "tab-now": "현재", "tab-streams": "스트림", "tab-book": "호가", "tab-curves": "곡선", "tab-incidents": "사고", "tab-trader": "거래",
    "tip-pause": "화면 멈춤 (스페이스)", "tip-find": "종목 찾기 (/)", "tip-theme": "밝게 또는 어둡게 (t)", "tip-language": "View in English (l)", "tip-help": "도움말: 단축키와 각 수치의 뜻 (?)", "tip-settings": "설정: 언어, 테마, 색, 시각",
    find: "찾기", help: "도움말", "by-language": "언어의 관례대로", less: "접기", "more-reasons": "원인 {count}개 더 보기",
    "sub-recording": "스트림 {streams}개 중 {live}개", "sub-since": "{span}째", "since-at": "{time}부터", where: "hoga {hoga} · {data} · 시작 {since}",
    "link-live": "실시간", "link-stale": "갱신 없음", "link-lost": "대시보드가 {span}째 응답하지 않습니다", "link-lost-word": "대시보드 연결 끊김", "link-over": "세션 종료: 새로고침하세요", "link-full": "접속자가 너무 많음, 재시도 중", "link-wait": "연결 중", age: "{span} 전 값",
    "v-disconnected": "{connection} {span}째 끊김 · {retry}초 후 {attempt}번째 시도", "v-never-connected": "{connection} {span}째 연결 못 함 · {retry}초 후 {attempt}번째 시도",
    "v-silent": "무응답 {count}개, {span}째: {names}", "v-gate": "지연 초과: {names}, 중앙값 {median} ms", "v-disk-full": "디스크가 가득 참: 여유 {free} MB", "v-disk-low": "디스크가 거의 참: 여유 {free} MB",
    "v-stale": "기록기가 {span}째 응답이 없음",
    instruments: "종목", "of-streams": "{count} · 스트림 {streams}개", "n-filter": "찾기", "n-sort": "목록 순서", "filter-hint": "btc  venue:upbit  state:silent", "tip-only-bad": "문제 있는 것만 (b)",
    "sort-trouble": "문제 먼저", "sort-name": "이름순", "sort-rate": "빈도순", "sort-latency": "지연순", "sort-p99": "p99순", "sort-gaps": "공백순", "no-match": "“{filter}”에 맞는 종목이 없습니다. 이름 일부, venue:…, kind:…, state:trouble 로 찾을 수 있습니다.",
    "no-instrument": "설정된 종목이 없습니다. hoga.conf의 SYMBOLS와 STREAMS에 적습니다.", "row-alt": "{symbol}, {venue}, {state}, 초당 {rate}프레임, 스트림 {streams}개",
    "r-disconnected": "{connection} 연결이 {span}째 끊겨 있습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도",
    "r-never-connected": "{connection}이(가) {span}째 연결되지 못했습니다 ({why}): 스트림 {streams}개가 기록되지 않습니다. {retry}초 후 {attempt}번째 시도",
  },
});
