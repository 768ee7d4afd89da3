// The hub: who takes what from this run; and the alerts that the verdict does not speak of. Loaded when there is a hub.
import { fetched, head, make, mark, put, Rows } from "./dom.js";
import { count, percent, rate, span } from "./format.js";
import { addWords, known, t } from "./i18n.js";
import { levelOf, lossText, plainWord, streamsText, venueText } from "./words.js";

const SPOKEN = new Set(["gap", "disk", "clock"]); // of these alerts the verdict speaks, or the list of incidents

export async function mount(slot, store) {
  await Promise.all([addWords("hub"), fetched("/static/sheets.css")]);
  const line = make("p", { id: "hub-line" }), alertList = make("ul", { id: "alert-rows" }), list = make("ul", { id: "hub-rows" });
  slot.append(head("hub", make("span", { "data-t": "hub" })), alertList, line, list);
  const alerts = new Rows(alertList, ["", "", ""], false), connections = new Rows(list, ["", "", "", ""], false);
  const some = (key, value) => (value ? t(key, { count: count(value) }) : "");
  const joined = (parts) => parts.filter(Boolean).join(" · ");

  store.subscribe(["slow", "look"], () => {
    const it = store.slow?.hub;
    slot.hidden = !it;
    const told = (it?.alerts ?? []).map(([kind, subject, ...alert]) => ({ kind, subject, name: known(`al-${kind}`) ? t(`al-${kind}`) : kind, text: alertText(...alert) }));
    const named = new Set(store.reasons.map((reason) => reason.args?.connection ?? reason.args?.collector));
    store.alerts = told.filter((each) => !SPOKEN.has(each.kind) && !named.has(each.subject)).map((each) => ({ level: "warn", text: `${each.name}, ${each.subject}: ${each.text}` }));
    if (!it) return;
    alerts.fill(told, (each) => [{ text: "✕", level: "bad" }, { text: `${each.name}: ${each.subject}`, level: "bad" }, each.text]);
    put(line, !it.components && !it.subscriptions ? t("hub-unused") : joined([
      t("hub-components", { count: count(it.components), subscriptions: count(it.subscriptions), values: count(it.values) }), some("hub-delivered", it.delivered),
      it.latency_ms != null && t("hub-latency", { ms: `${it.latency_ms.toFixed(2)} / ${it.latency_p99_ms?.toFixed(2) ?? "–"}` }), some("hub-dropped", it.dropped), some("hub-raised", it.callback_errors), some("hub-stale", it.stale_frames),
    ]));
    mark(line, "data-level", it.dropped || it.callback_errors ? "warn" : null);
    connections.fill(it.connections, ([name, venue, kind, state, epoch, uptime, perSecond, subscriptions, requests, reconnects, errors, stale, health]) => {
      const level = levelOf(state), text = t(`cs-${state}`);
      return [{ text: text.slice(0, 1), level }, name, { text: `${known(`hk-${kind}`) ? t(`hk-${kind}`) : kind}, ${plainWord(text)}`, level: level === "good" ? null : level }, joined([
        uptime && t("c-up", { span: span(uptime) }), perSecond && `${rate(perSecond)}/s`, some("hub-subs", subscriptions), epoch > 1 && t("c-epoch", { epoch }), reconnects && t("c-reconnects", { count: count(reconnects), per: "" }),
        some("hub-requests", requests), errors && t("hub-errors", { percent: percent(errors * 100) }), some("hub-stale", stale), health < 1 && t("c-health", { percent: Math.round(health * 100) }), venueText(venue, store),
      ])];
    });
  });
}

function alertText(text, code, args) {
  if (!code || !known(`at-${code}`)) return text;
  const words = { ...args };
  if (args.reason) words.what = [incidentText(args), streamsText(args.streams), `${t("missed").toLowerCase()}: ${lossText(args.missed, args.uncounted)}`].join(", ");
  if (args.state) words.state = plainWord(t(`cs-${args.state}`));
  return t(`at-${code}`, words);
}

function incidentText({ reason, conn, venue, from_ns: from, to_ns: to }) {
  const who = conn ? t("who-conn", { conn }) : venue ? t("who-venue", { venue }) : t("who-none");
  return known(`i-${reason}`) ? t(`i-${reason}`, { who, span: span((to - from) / 1e9) }) : reason;
}
