// What is wrong, in words: loaded with the first reason of the verdict.
import { bytes, moment, span } from "./format.js";
import { addWords, known, t } from "./i18n.js";
import { isLocal } from "./view.js";
import { plainWord } from "./words.js";

export const mount = (slot, store) => addWords("trouble").then(() => { store.trouble = { verdictText, shortVerdict, whenText }; store.touch("look"); });

// The reasons of the verdict. What the server counted is counted on here, from the moments that it names.
export function verdictText({ code, args }, store) { return t(`r-${code}`, counted(args, store)); }

// The same for the bar, in a few words.
export function shortVerdict(reason, store) {
  const key = `v-${reason.code}`, words = counted(reason.args, store);
  if (!known(key)) return verdictText(reason, store);
  return t(key, { ...words, names: words.names?.replace(/(^|, )[a-z][\w-]*:/g, "$1") }); // without their venues
}

// Since when, as a time of day: from the moments that the server names, or from the seconds that it counted.
export function whenText({ args, since }, store) {
  const from = args?.since || (args?.seconds != null ? store.now - args.seconds * 1000 : since);
  return from ? t("since-at", { time: moment(from, store.clock(), isLocal()) }) : "";
}

function counted(args, store) {
  const words = { ...args };
  if (known(`cs-${args?.why}`)) words.why = plainWord(t(`cs-${args.why}`));
  if (args?.since) words.seconds = Math.max(0, Math.round((store.clock() - args.since) / 1000));
  if (args?.retry_at) words.retry = Math.max(0, Math.ceil((args.retry_at - store.clock()) / 1000));
  else if (args?.retry != null) words.retry = Math.max(0, Math.round(args.retry));
  if (words.seconds != null) words.span = span(words.seconds);
  for (const [key, word] of [["free", "room"], ["reserve", "kept"]]) if (args?.[key] != null) words[word] = bytes(args[key] * 2 ** 20);
  return words;
}
