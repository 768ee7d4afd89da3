// Korean. The open log.
export default {
  copy: "복사", copied: "복사됨", "copy-by-hand": "선택됨: 직접 복사하세요", follow: "따라가기",
  "no-log-of-level": "최근 {count}줄에 이 수준의 로그가 없습니다.", "n-log-level": "최소 수준",
  log: {
    all: "전체", WARNING: "경고 이상", ERROR: "오류만",
  },
};
