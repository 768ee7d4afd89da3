// Korean. Several collectors.
export default {
  collectors: "수집기",
  co: {
    name: "수집기", state: "상태", received: "수신", won: "채택", gaps: "공백", seen: "마지막 소식", ago: "{span} 전", never: "없음",
  },
};
