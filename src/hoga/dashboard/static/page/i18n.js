// The page's words: a file for each language, and for its rarer words (`words/ko-help.js`), loaded when they are used.
// In a file {tile: {rate: "Frames"}} are the words `tile-rate`, and {heat: {"": "Depth"}} are `heat`.
import { setUnits } from "./format.js";

const UNITS = { en: { s: " s", min: " min", h: " h", d: " d" }, ko: { s: "초", min: "분", h: "시간", d: "일" } };
export const languages = Object.keys(UNITS);

const parts = [""];
let wanted = "en", words = {}, coming = Promise.resolve();

// Shows the page in another language. Rejects where its words cannot be had, and nothing has changed then.
export function setLanguage(name) {
  wanted = name in UNITS ? name : "en";
  return coming = load();
}

// Words that are needed from now on: "help", "trader", "hub", … They are asked for again where they could not be had.
export function addWords(part) {
  if (parts.includes(part)) return coming;
  parts.push(part);
  coming = load();
  coming.catch(() => parts.splice(parts.indexOf(part), 1));
  return coming;
}

async function load() {
  const name = wanted, many = parts.length;
  const files = await Promise.all(parts.map((part) => import(`./words/${name}${part && `-${part}`}.js`)));
  if (name !== wanted || many !== parts.length) return coming; // meanwhile others were asked for
  words = Object.assign({}, ...files.map((file) => flat(file.default)));
  setUnits(UNITS[name]);
  document.documentElement.lang = name;
  worded(document);
}

function flat(group) {
  const out = {};
  for (const [key, value] of Object.entries(group)) {
    if (typeof value === "string") out[key] = value;
    else for (const [rest, text] of Object.entries(value)) out[rest ? `${key}-${rest}` : key] = text;
  }
  return out;
}

// Gives all below `root` their words: data-t text, data-hint a field's hint, data-name a name, data-tip both, data-role what it is.
export function worded(root) {
  for (const node of root.querySelectorAll("[data-t], [data-hint], [data-name], [data-tip], [data-role]")) {
    const { t: text, hint, name, tip, role } = node.dataset;
    if (text) node.textContent = t(text);
    if (hint) node.placeholder = t(hint);
    if (role) node.ariaRoleDescription = t(role);
    if (tip) node.title = t(`tip-${tip}`);
    if (name || tip) node.ariaLabel = tip ? node.title : t(`n-${name}`);
  }
}

export const known = (key) => key in words;

export function t(key, args) {
  const one = args && String(args.count ?? args.streams) === "1" ? `${key}-1` : key; // one of it, where the language has words for that
  const text = words[one] ?? words[key] ?? key;
  return args ? text.replace(/\{(\w+)\}/g, (_, name) => args[name] ?? "") : text;
}
