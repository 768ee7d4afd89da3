// English. Several collectors.
export default {
  collectors: "Collectors",
  co: {
    name: "Collector", state: "State", received: "Received", won: "Won", gaps: "Gaps", seen: "Last seen", ago: "{span} ago", never: "not yet",
    trouble: "Gather takes nothing in ({why}): how they are is not known.",
  },
};
