// What happened, in the viewer's language: incidents, losses, reasons and alerts come as codes with their figures.
import { count, span } from "./format.js";
import { known, t } from "./i18n.js";

export const reasonText = (reason) => (known(`g-${reason}`) ? t(`g-${reason}`) : reason);
export const kindText = (kind) => (known(`k-${kind}`) ? t(`k-${kind}`) : kind);

// `uncounted`: in so many gaps nobody can know.
export function lossText(missed, uncounted) {
  if (!uncounted) return missed ? count(missed) : t("loss-none");
  return missed ? t("loss-least", { count: count(missed) }) : t("loss-unknown");
}

export const gapLoss = (missed) => (missed == null ? t("loss-unknown") : lossText(missed, 0));

export function incidentText(each) {
  const who = each.conn ? t("who-conn", each) : each.venue ? t("who-venue", each) : t("who-none");
  return known(`i-${each.reason}`) ? t(`i-${each.reason}`, { who, span: span((each.to_ns - each.from_ns) / 1e9) }) : each.reason;
}

// The reasons of the verdict; why a connection is down is a code too where it is the connection's state.
export function verdictText({ code, args }) {
  const why = args?.why;
  return t(`r-${code}`, why && known(`cs-${why}`) ? { ...args, why: plain(t(`cs-${why}`)) } : args);
}

export function alertText(text, code, args) {
  if (!code || !known(`at-${code}`)) return text;
  const words = { ...args };
  if (args.reason) words.what = [incidentText(args), t("n-streams", { count: args.streams }), `${t("missed").toLowerCase()}: ${lossText(args.missed, args.uncounted)}`].join(", ");
  if (args.state) words.state = plain(t(`cs-${args.state}`));
  return t(`at-${code}`, words);
}

const plain = (text) => text.replace(/^\S (?=\S)/, "");
