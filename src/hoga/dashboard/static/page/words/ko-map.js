// Korean. The map.
export default {
  map: {
    chosen: "선택됨", none: "아직 스트림이 없습니다.", hint: "스트림 {streams}개. 가리키면 이름이 보이고, 방향키로 옮기고 Enter로 선택합니다.", touch: "스트림 {streams}개. 누르면 선택됩니다.", alt: "스트림 {streams}개의 지도: {states}", usual: "평소 {rate}",
  },
};
