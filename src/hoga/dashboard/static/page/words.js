// What happened, in the viewer's language: incidents, losses, reasons and alerts come as codes with their figures.
import { count } from "./format.js";
import { known, t } from "./i18n.js";

export const reasonText = (reason) => (known(`g-${reason}`) ? t(`g-${reason}`) : reason);
export const kindText = (kind) => (known(`k-${kind}`) ? t(`k-${kind}`) : kind);

// `uncounted`: in so many gaps nobody can know.
export function lossText(missed, uncounted) {
  if (!uncounted) return missed ? t("loss-n", { count: count(missed) }) : t("loss-none");
  return missed ? t("loss-least", { count: count(missed) }) : t("loss-unknown");
}

// The same as a clause of its own.
export const lostText = (missed, uncounted) => (missed || uncounted ? t("loss", { loss: lossText(missed, uncounted) }) : t("tile-nothing-lost"));

// An incident in few words; how long it lasted stands beside it. In an alert, with its span.
export function happenedText(each, store) {
  const one = each.of?.length === 1 ? store.instruments[each.of[0]]?.symbol : ""; // whom it struck alone says more than where
  const who = each.conn || one || (each.venue ? venueText(each.venue, store) : "");
  const key = `w-${each.reason}`;
  return known(key) ? t(key, { who: who ? `${who} ` : "" }).trim() : each.reason;
}

export const streamsText = (streams) => t("n-streams", { count: count(streams) });

// Of a connection's state.
export const levelOf = (state) => (!state ? "idle" : state === "connected" || state === "handover" ? "good" : state === "connecting" || state === "disconnected" ? "warn" : "bad");

export const plainWord = (text) => text.replace(/^\S (?=\S)/, "");

// A channel in a word: what stands before the pace (`depth20@100ms` → depth20).
export const channelText = (row) => row[3].split(/[@:]/)[0];

// A venue for people; from the server where it tells.
export const venueText = (venue, store) => store.meta?.venues?.find((each) => each.id === venue)?.title ?? venue;
export const venueShort = (venue, store) => store.meta?.venues?.find((each) => each.id === venue)?.short ?? venue;
