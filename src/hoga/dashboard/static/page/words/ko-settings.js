// Korean. The settings.
export default {
  language: "언어", theme: "테마", auto: "시스템 설정", light: "밝게", dark: "어둡게", colours: "매수·매도 색", "colours-west": "매수 초록, 매도 빨강", "colours-korea": "매수 빨강, 매도 파랑", time: "시각", local: "현지",
  "by-language": "언어의 관례대로", where: "hoga {hoga} · {data} · 시작 {since}",
};
