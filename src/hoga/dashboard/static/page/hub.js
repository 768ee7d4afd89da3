// The hub: who takes what from this run; and the alerts that the verdict does not speak of. Loaded when there is a hub.
import { head, make, mark, put, Rows } from "./dom.js";
import { count, percent, rate, span } from "./format.js";
import { addWords, known, t } from "./i18n.js";
import { alertText, levelOf, plainWord, venueText } from "./words.js";

export async function mount(slot, store) {
  await addWords("hub");
  const line = make("p", { id: "hub-line" }), alertList = make("ul", { id: "alert-rows" }), list = make("ul", { id: "hub-rows" });
  slot.append(head("hub", make("span", { "data-t": "hub" })), alertList, line, list);
  const alerts = new Rows(alertList, ["", "", ""], false), connections = new Rows(list, ["", "", "", ""], false);
  const some = (key, value) => (value ? t(key, { count: count(value) }) : "");
  const joined = (parts) => parts.filter(Boolean).join(" · ");
  store.touch("look"); // the bar's alerts have their words now

  store.subscribe(["slow", "look"], () => {
    const it = store.slow?.hub;
    slot.hidden = !it;
    if (!it) return;
    alerts.fill(it.alerts, ([kind, subject, text, code, args]) => [{ text: "✕", level: "bad" }, { text: `${known(`al-${kind}`) ? t(`al-${kind}`) : kind}: ${subject}`, level: "bad" }, alertText(text, code, args)]);
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
