// English. The map.
export default {
  map: {
    chosen: "chosen", none: "No streams yet.", hint: "{streams} streams. Point at one to name it; arrows move, Enter chooses.", touch: "{streams} streams. A tap chooses one.",
    alt: "Map of {streams} streams: {states}", usual: "usually {rate}",
  },
};
