// Korean. Several collectors.
export default {
  collectors: "수집기",
  co: {
    name: "수집기", state: "상태", received: "수신", won: "채택", gaps: "공백", seen: "마지막 소식", ago: "{span} 전", never: "아직 없음",
    trouble: "gather가 받지 못하고 있습니다({why}). 수집기가 어떤지 알 수 없습니다.",
  },
};
