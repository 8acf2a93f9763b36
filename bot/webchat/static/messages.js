// What a message looks like. Text from the server is rebuilt from the few tags that a message may have, never pasted in.

const TAGS = new Set(["B", "I", "U", "S", "CODE", "PRE", "BLOCKQUOTE"]);
const INERT = "noop"; // a button that is only a label, such as a calendar week
const LINKS = /^(https?:|mailto:|tel:|tg:)/i;
const RUN = 300; // seconds within which messages of one sender stand together
const WIDE = 5; // buttons in a row from which a keyboard takes the whole width
const SMALL = 7; // and from which its buttons shrink: a month

export const { words, language, zone, icon, person, start } = JSON.parse(document.getElementById("facts").textContent);

// Messages are dated by the server's clock, which a trial can move.
let ahead = 0;

export function setClock(now) {
  ahead = Date.parse(now) - Date.now();
}

export const serverNow = () => (Date.now() + ahead) / 1000;

const format = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
const clock = format({ hour: "2-digit", minute: "2-digit" });
const dayKey = new Intl.DateTimeFormat("en-CA", { timeZone: zone });
const longDay = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const shortDay = format({ day: "2-digit", month: "2-digit" });
const near = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

export const dayOf = (seconds) => dayKey.format(seconds * 1000);

const daysAgo = (seconds) => Math.round((Date.parse(dayOf(serverNow())) - Date.parse(dayOf(seconds))) / 86_400_000);

const capitalised = (text) => text[0].toLocaleUpperCase(language) + text.slice(1);

export function dayName(seconds) {
  const ago = daysAgo(seconds);
  return ago === 0 || ago === 1 ? capitalised(near.format(-ago, "day")) : longDay.format(seconds * 1000);
}

export const briefly = (seconds) => (daysAgo(seconds) === 0 ? clock : shortDay).format(seconds * 1000);

// el("p", { className: "x" }, "text", child): an element with properties and content
export function el(name, properties = {}, ...content) {
  const { aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(aria)) element.setAttribute(`aria-${key}`, value);
  element.append(...content.filter((part) => part !== null && part !== undefined));
  return element;
}

export const senderOf = (message) => (message.own ? words.you : (message.sender ?? "Faden"));

// Safe nodes of the server's HTML; a command that the menu knows becomes a button.
function formatted(html, commands) {
  const parsed = new DOMParser().parseFromString(html, "text/html").body;
  return [...parsed.childNodes].flatMap((node) => safe(node, commands));
}

function safe(node, commands) {
  if (node.nodeType === Node.TEXT_NODE) return withCommands(node.data, commands);
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  const inside = () => [...node.childNodes].flatMap((child) => safe(child, commands));
  if (TAGS.has(node.tagName)) {
    return [el(node.tagName.toLowerCase(), {}, ...(node.tagName === "PRE" ? [node.textContent] : inside()))];
  }
  const href = node.getAttribute("href") ?? "";
  if (node.tagName === "A" && LINKS.test(href)) return [link(href, node.textContent)];
  if (node.className === "spoiler") return [el("span", { className: "spoiler", tabIndex: 0 }, ...inside())];
  return inside();
}

function withCommands(text, commands) {
  if (!commands.size || !text.includes("/")) return [text];
  return text.split(/((?<![\w/])\/[a-z0-9_]{1,32}(?![\w/]))/).map((piece) =>
    piece.startsWith("/") && commands.has(piece.slice(1))
      ? el("button", { type: "button", className: "command", value: piece }, piece)
      : piece,
  );
}

function link(href, ...content) {
  const made = el("a", { href }, ...content);
  if (!href.startsWith(location.origin)) Object.assign(made, { target: "_blank", rel: "noopener noreferrer" });
  return made;
}

const firstLine = (text) => text.trim().split("\n")[0];

export function excerpt(message) {
  return `${senderOf(message)}: ${firstLine(message.text)}`;
}

function size(bytes) {
  const [unit, factor] = bytes < 1000 ? ["byte", 1] : bytes < 1_000_000 ? ["kilobyte", 1000] : ["megabyte", 1_000_000];
  const digits = { maximumFractionDigits: bytes / factor < 10 ? 1 : 0 };
  return new Intl.NumberFormat(language, { style: "unit", unit, ...digits }).format(bytes / factor);
}

function fileChip(file) {
  const text = el("span", {}, el("span", { className: "file-name" }, file.name), el("small", {}, size(file.size)));
  const sign = el("span", { className: "file-sign", ariaHidden: "true" }, file.name.split(".").pop().slice(0, 4));
  if (!file.id) return el("p", { className: "file" }, sign, text);
  return el(
    "a",
    { className: "file", href: `/chat/file/${file.id}`, download: file.name },
    sign,
    el("span", { className: "hidden" }, `${words.download} `),
    text,
  );
}

function keyboard(message, busy) {
  const columns = Math.max(...message.keyboard.map((row) => row.length));
  const size = columns >= SMALL ? " small" : "";
  const rows = message.keyboard.map((row) => el("div", { className: "row" }, ...row.map((one) => key(one, busy))));
  return el("div", { className: `keyboard${size}`, role: "group", ariaLabel: firstLine(message.text) }, ...rows);
}

function key(button, busy) {
  const look = `key ${button.style ?? ""}`;
  if (button.callback_data === INERT) return el("span", { className: "key label" }, button.text);
  if (button.url) {
    if (!LINKS.test(button.url)) return el("span", { className: look }, button.text);
    const made = link(button.url, button.text, el("span", { className: "leaves", ariaHidden: "true" }, "↗"));
    made.className = look;
    if (made.target) made.append(el("span", { className: "hidden" }, ` (${words.opensPage})`));
    return made;
  }
  const made = el("button", { type: "button", className: look }, button.text);
  if (button.copy_text) made.dataset.copy = button.copy_text.text;
  else made.dataset.press = button.callback_data;
  // Not `disabled`: that would throw whoever uses the keyboard out of the message.
  if (busy !== undefined) made.setAttribute("aria-disabled", "true");
  if (busy === button.callback_data && !button.copy_text) made.setAttribute("aria-busy", "true");
  return made;
}

function reply(quoted) {
  const name = el("span", { className: "sender" }, senderOf(quoted));
  return el("blockquote", { className: "reply" }, name, firstLine(quoted.text));
}

function initials(name) {
  const parts = name.split(" ");
  return parts[0][0] + (parts.length > 1 ? parts.at(-1)[0] : "");
}

function face(message) {
  if (message.own) return null;
  return message.sender
    ? el("span", { className: "face", ariaHidden: "true" }, initials(message.sender))
    : el("img", { className: "face", src: icon, alt: "" });
}

function meta(message) {
  const moment = new Date(message.date * 1000);
  const time = el("time", { dateTime: moment.toISOString(), title: longDay.format(moment) }, clock.format(moment));
  return el("span", { className: "meta" }, message.edited ? `${words.edited} · ` : null, time);
}

// `busy` is the data of the button whose answer is awaited, `commands` the names in the chat's menu.
export function messageNode(message, { busy, commands, named }) {
  const columns = Math.max(0, ...message.keyboard.map((row) => row.length));
  const name = el("span", { className: named && !message.own ? "sender" : "sender hidden" }, senderOf(message));
  const text = message.html ? el("div", { className: "text" }, ...formatted(message.html, commands)) : null;
  const bubble = el(
    "div",
    { className: "bubble" },
    name,
    message.reply ? reply(message.reply) : null,
    message.file ? fileChip(message.file) : null,
    text,
    meta(message),
  );
  const body = el("div", { className: "body" }, bubble, columns ? keyboard(message, busy) : null);
  const look = `message ${message.own ? "own" : "theirs"}${columns >= WIDE ? " wide" : ""}`;
  return el("li", { className: look, id: `m${message.id}` }, face(message), body);
}

// One's own message on its way.
export function outgoingNode(sending) {
  const state = el("span", { className: "meta" });
  const bubble = el("div", { className: "bubble" }, el("span", { className: "sender hidden" }, words.you));
  if (sending.file) bubble.append(fileChip({ name: sending.file.name, size: sending.file.size }));
  if (sending.text) bubble.append(el("div", { className: "text" }, sending.text));
  if (sending.file && !sending.failed) bubble.append(el("progress", { max: 1, value: sending.progress ?? 0, ariaLabel: words.sending }));
  if (sending.failed) {
    state.append(`${words.failed} `, el("button", { type: "button", className: "again" }, words.again));
  } else {
    state.append(words.sending);
  }
  bubble.append(state);
  return el("li", { className: `message own outgoing${sending.failed ? " failed" : ""}` }, el("div", { className: "body" }, bubble));
}

export const dayNode = (seconds) => el("li", { className: "day" }, el("span", {}, dayName(seconds)));

export const dividerNode = () => el("li", { className: "divider" }, el("span", {}, words.newMessages));

// Whether a message continues what its sender said just before.
export function follows(message, before) {
  return (
    before !== undefined &&
    before.own === message.own &&
    before.sender === message.sender &&
    message.date - before.date < RUN &&
    dayOf(message.date) === dayOf(before.date)
  );
}
