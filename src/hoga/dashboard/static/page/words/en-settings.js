// English. The settings.
export default {
  language: "Language", theme: "Theme", auto: "As the system", light: "Light", dark: "Dark", colours: "Bid and ask", "colours-west": "Green bid, red ask",
  "colours-korea": "Red bid, blue ask", time: "Times", local: "Local", "by-language": "As is usual in the language", where: "hoga {hoga} · {data} · started {since}",
};
