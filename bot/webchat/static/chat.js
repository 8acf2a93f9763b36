// The chat page: which chat is shown, what is in it, what is sent, and what arrives.

import { composer } from "./composer.js";
import * as show from "./messages.js";
import { el, person, words } from "./messages.js";
import { Room } from "./room.js";
import { follow, get, post, upload } from "./wire.js";

const AT_END = 60; // pixels from the end that still count as being there
const OFFLINE_AFTER = 2000;
const TYPING_FOR = 6000;
const TOAST_FOR = 7000;
const ANSWER_WITHIN = 20_000;
const ANNOUNCED = 20;
const MOST_COUNTED = 99; // the server counts no further than to the next

const $ = (id) => document.getElementById(id);
const [list, scroller, panel, switcher, news] = ["messages", "scroller", "rooms", "switch", "news"].map($);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const wide = matchMedia("(min-width: 800px)");

let chats = []; // as the server lists them
let current = null;
let shown = new Map(); // key → the node in the list and the stamp of what it shows
let stuck = true; // the newest message is in view and stays there
const rooms = new Map();
const waiting = new Map(); // "chat:message" → the press whose answer is awaited
const heard = new Set(); // presses whose answer was shown

const roomOf = (id) => rooms.get(id) ?? rooms.set(id, new Room(id)).get(id);
const chatOf = (id) => chats.find((chat) => chat.id === id);
const titleOf = (chat) => chat.title ?? "Faden";
const counted = (number) => (number > MOST_COUNTED ? `${MOST_COUNTED}+` : `${number}`);

// The list of messages

function arrange() {
  const wanted = [];
  const commands = new Set(current.commands.map(({ command }) => command));
  let before;
  for (const message of current.sorted) {
    const busy = waiting.get(`${current.id}:${message.id}`)?.data;
    const first = message.id === current.divider;
    const follows = !first && show.follows(message, before);
    if (!before || show.dayOf(before.date) !== show.dayOf(message.date)) {
      wanted.push([`d${show.dayOf(message.date)}`, show.dayName(message.date), () => show.dayNode(message.date)]);
    }
    if (first) wanted.push(["divider", "", show.dividerNode]);
    const make = () => show.messageNode(message, { busy, commands, named: current.id < 0 && !follows });
    wanted.push([`m${message.id}`, `${message.change} ${busy} ${follows} ${commands.size}`, make, follows]);
    before = message;
  }
  for (const sending of current.outgoing) {
    wanted.push([sending.key, `${sending.failed}`, () => show.outgoingNode(sending)]);
  }
  const focus = rememberFocus();
  place(wanted);
  focus();
  $("earlier").hidden = current.before === null;
  const empty = current.loaded && wanted.length === 0;
  $("welcome").hidden = !(empty && current.id > 0);
  $("quiet").hidden = !(empty && current.id < 0);
}

// Brings the list to what is wanted and touches nothing else: selection, focus and screen readers stay where they are.
function place(wanted) {
  const keys = new Set(wanted.map(([key]) => key));
  for (const [key, { node }] of shown) {
    if (!keys.has(key)) {
      node.remove();
      shown.delete(key);
    }
  }
  let at = list.firstChild;
  for (const [key, stamp, make, follows] of wanted) {
    let entry = shown.get(key);
    if (entry && entry.stamp !== stamp) {
      const node = make();
      if (at === entry.node) at = node;
      entry.node.replaceWith(node);
      entry = { node, stamp };
    }
    entry ??= { node: make(), stamp };
    shown.set(key, entry);
    if (entry.node === at) at = at.nextSibling;
    else list.insertBefore(entry.node, at);
    entry.node.classList.toggle("follows", follows === true);
  }
}

// A message that changes while somebody is in it: they stay at the same button, or at the one in its place.
function rememberFocus() {
  const active = document.activeElement;
  const message = list.contains(active) && active.closest("li");
  if (!message) return () => {};
  const controls = () => [...(document.getElementById(message.id)?.querySelectorAll("button, a") ?? [])];
  const position = controls().indexOf(active);
  return () => {
    if (active.isConnected) return;
    const now = controls();
    const same = now.find((control) => control.dataset.press && control.dataset.press === active.dataset.press);
    (same ?? now[position] ?? now[0] ?? scroller).focus({ preventScroll: true });
  };
}

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_END;

function toEnd(behavior = "instant") {
  stuck = true;
  scroller.scrollTo({ top: scroller.scrollHeight, behavior });
  scrolled();
}

function scrolled() {
  stuck = isAtEnd();
  if (!current) return;
  if (stuck) {
    current.below = 0;
    markRead();
  }
  $("newest").hidden = stuck;
  $("below").hidden = current.below === 0;
  $("below").textContent = current.below;
  if (scroller.scrollTop < 200) loadEarlier();
}

async function markRead() {
  const room = current;
  if (document.visibilityState !== "visible" || !room.loaded) return;
  const others = room.sorted.filter((message) => !message.own && message.id > room.marked);
  if (others.length === 0) return;
  const before = room.marked;
  room.marked = others.at(-1).id;
  await post("read", { chat: room.id, message: room.marked }).catch(() => (room.marked = before));
}

// Chats

async function open(id, { focus = false } = {}) {
  current = roomOf(id);
  const room = current;
  shown = new Map();
  list.replaceChildren();
  news.replaceChildren();
  stopTyping();
  history.replaceState(null, "", id === person ? "/chat" : `/chat#${id}`);
  showPanel(false);
  showChats();
  arrange();
  write.show(id, room.commands);
  if (!room.loaded) await load(room);
  if (current !== room || !room.loaded) return;
  const { unread, read } = chatOf(id) ?? {};
  room.marked = Math.max(room.marked, read ?? 0);
  room.divider = unread ? room.sorted.find((message) => !message.own && message.id > read)?.id : null;
  write.show(id, room.commands);
  arrange();
  toEnd();
  if (room.divider) list.querySelector(".divider")?.scrollIntoView({ block: "start" });
  scrolled();
  if (focus && wide.matches) write.focus();
  else if (focus) switcher.focus();
}

async function load(room) {
  const query = { chat: room.id };
  try {
    const [{ messages, before }, { commands }] = await Promise.all([get("messages", query), get("commands", query)]);
    room.before = before;
    room.commands = commands;
    for (const message of messages) room.put(message);
    room.loaded = true;
  } catch (failure) {
    if (failure.status === 404) gone(room.id);
  }
}

// One page at a time; whoever asks meanwhile waits for the same one.
function loadEarlier() {
  const room = current;
  if (room.before !== null) room.loading ??= loadPage(room).finally(() => (room.loading = null));
  return room.loading;
}

async function loadPage(room) {
  let page;
  try {
    page = await get("messages", { chat: room.id, before: room.before });
  } catch {
    return; // the button stays, and scrolling tries again
  }
  const fromEnd = scroller.scrollHeight - scroller.scrollTop;
  room.before = page.before;
  for (const message of page.messages) room.put(message);
  if (current !== room) return;
  arrange();
  scroller.scrollTop = scroller.scrollHeight - fromEnd;
}

function gone(id) {
  rooms.delete(id);
  toast(words.gone);
  open(person);
}

let listed = "";

function showChats() {
  const now = JSON.stringify([chats, current?.id, show.dayOf(show.serverNow())]);
  if (now === listed || !current) return;
  listed = now;
  const focused = panel.contains(document.activeElement) && document.activeElement.dataset.chat;
  $("chats").replaceChildren(...chats.map((chat) => el("li", {}, chatButton(chat))));
  if (focused) $("chats").querySelector(`[data-chat="${focused}"]`)?.focus();
  const chat = chatOf(current.id);
  const unread = chats.reduce((sum, { unread }) => sum + unread, 0);
  const elsewhere = unread - (chat?.unread ?? 0);
  document.title = (unread ? `(${counted(unread)}) ` : "") + document.title.replace(/^\(\d+\+?\) /, "");
  $("elsewhere").hidden = elsewhere === 0;
  $("elsewhere").textContent = counted(elsewhere);
  $("title").textContent = chat ? titleOf(chat) : "Faden";
  $("pinned").hidden = !chat?.pinned;
  $("pinned-text").textContent = chat?.pinned ? chat.pinned.text.trim().split("\n").slice(0, 2).join(" · ") : "";
}

function chatButton(chat) {
  const face =
    chat.id === person
      ? el("img", { className: "face", src: show.icon, alt: "" })
      : el("span", { className: "face", ariaHidden: "true" }, titleOf(chat)[0]);
  const latest = chat.latest && (chat.id === person && !chat.latest.own ? chat.latest.text : show.excerpt(chat.latest));
  const button = el(
    "button",
    { type: "button", className: "chat-button" },
    face,
    el("span", { className: "chat-title" }, titleOf(chat)),
    chat.latest ? el("span", { className: "chat-time" }, show.briefly(chat.latest.date)) : null,
    latest ? el("span", { className: "chat-latest" }, latest.split("\n")[0]) : null,
    chat.unread ? el("span", { className: "count" }, counted(chat.unread), el("span", { className: "hidden" }, ` ${words.unread}`)) : null,
  );
  button.dataset.chat = chat.id;
  if (chat.id === current.id) button.setAttribute("aria-current", "true");
  return button;
}

function showPanel(open) {
  panel.classList.toggle("open", open);
  switcher.setAttribute("aria-expanded", open);
  if (open) (panel.querySelector("[aria-current]") ?? panel.querySelector("button"))?.focus();
}

async function showPinned() {
  const { pinned } = chatOf(current.id);
  while (!current.messages.has(pinned.message) && current.before !== null) {
    const before = current.before;
    await loadEarlier();
    if (current.before === before) return;
  }
  const node = $(`m${pinned.message}`);
  node?.scrollIntoView({ block: "center", behavior: calm.matches ? "instant" : "smooth" });
  node?.classList.add("pointed");
  setTimeout(() => node?.classList.remove("pointed"), 2000);
}

// Sending

function send({ text = "", file = null }, room = current) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  room.outgoing.push({ key, text, file, failed: false });
  room.divider = null;
  if (room === current) {
    arrange();
    toEnd();
  }
  flush(room);
}

// In order, one after the other; what fails waits for the connection, or for a press.
async function flush(room) {
  if (room.sending) return;
  room.sending = true;
  while (room.outgoing.length > 0) {
    const sending = room.outgoing[0];
    if (sending.failed) {
      sending.failed = false;
      redraw(room);
    }
    try {
      const { message } = await deliver(room, sending);
      room.drop(sending);
      write.tell("");
      if (message) room.put(message);
    } catch (failure) {
      if (failure.isFinal) {
        room.drop(sending);
        write.tell(failure.words ?? { too_big: words.tooBig, empty_file: words.emptyFile }[failure.word] ?? words.refused);
        if (sending.text) write.restore(room.id, sending.text);
      } else {
        if (failure.words) write.tell(failure.words);
        for (const waits of room.outgoing) waits.failed = true;
        if (failure.status === 401) signedOut();
        break;
      }
    } finally {
      redraw(room);
    }
  }
  redraw(room);
  room.sending = false;
}

function redraw(room) {
  if (room !== current) return;
  const wasAtEnd = isAtEnd();
  arrange();
  if (wasAtEnd) toEnd();
}

function deliver(room, { key, text, file, ...rest }) {
  if (!file) return post("send", { chat: room.id, text, key });
  return upload({ chat: room.id, key, caption: text, file }, (part) => {
    const bar = shown.get(key)?.node.querySelector("progress");
    if (bar) bar.value = part;
  });
}

// Pressing

async function press(message, data) {
  const at = `${current.id}:${message}`;
  if (waiting.has(at)) return;
  const pressed = { data };
  waiting.set(at, pressed);
  redraw(current);
  const giveUp = (sentence) => {
    if (waiting.get(at) !== pressed) return;
    waiting.delete(at);
    redraw(current);
    toast(sentence);
  };
  try {
    const { answer } = await post("press", { chat: current.id, message, data });
    if (answer) hear(answer);
    else setTimeout(giveUp, ANSWER_WITHIN, words.unanswered);
  } catch (failure) {
    if (failure.status === 401) signedOut();
    giveUp(failure.words ?? words.pressFailed);
  }
}

function hear({ callback_query_id: query, chat_id: chat, message_id: message, text, show_alert: alert, url }) {
  if (heard.has(query)) return;
  heard.add(query);
  waiting.delete(`${chat}:${message}`);
  if (chat === current.id) redraw(current);
  if (url) toast(text || url, url);
  else if (text && alert) {
    $("alert-text").textContent = text;
    if (!$("alert").open) $("alert").showModal();
  } else if (text) toast(text);
}

function toast(text, url = null) {
  const link = url && el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, words.open);
  const made = el("p", { className: "toast" }, text, link && " ", link);
  $("toasts").append(made);
  setTimeout(() => made.remove(), TOAST_FOR);
}

// What arrives

function take({ messages, answers, typing, chats: changed, complete }) {
  chats = complete ? changed : chats.map((chat) => ({ ...chat, ...changed.find(({ id }) => id === chat.id) }));
  stuck = isAtEnd(); // the event of the latest scrolling may still be on its way
  const announced = [];
  for (const message of messages) {
    const room = rooms.get(message.chat);
    if (!room?.loaded) continue;
    const isNew = message.id > room.newest;
    const awaited = waiting.has(`${message.chat}:${message.id}`);
    if (!room.put(message) || room !== current || message.own || message.deleted) continue;
    if (isNew || awaited) announced.push(message);
    if (!isNew) continue;
    stopTyping();
    if (!stuck) room.below += 1;
    if (!stuck || document.visibilityState !== "visible") room.divider ??= message.id;
  }
  for (const answer of answers) hear(answer);
  if (!chatOf(current.id)) {
    gone(current.id);
    return;
  }
  redraw(current);
  scrolled();
  showChats();
  if (typing.includes(current.id)) startTyping();
  for (const message of announced) announce(message);
}

function announce(message) {
  const text = shown.get(`m${message.id}`)?.node.querySelector(".text")?.textContent ?? message.text;
  news.append(el("p", {}, `${show.senderOf(message)}: ${text}`));
  while (news.childElementCount > ANNOUNCED) news.firstChild.remove();
}

let typingTimer = 0;

function startTyping() {
  clearTimeout(typingTimer);
  typingTimer = setTimeout(stopTyping, TYPING_FOR);
  $("typing").classList.add("on");
  $("typing-text").textContent = $("typing-text").dataset.text;
  if (stuck) toEnd();
}

function stopTyping() {
  clearTimeout(typingTimer);
  $("typing").classList.remove("on");
  $("typing-text").textContent = "";
}

let offlineTimer = 0;

function stateChanged(state) {
  clearTimeout(offlineTimer);
  if (state === "open") {
    $("banner").textContent = "";
    if (!current.loaded) open(current.id);
    for (const room of rooms.values()) flush(room);
  } else if (state === "lost") {
    offlineTimer = setTimeout(() => ($("banner").textContent = words.offline), OFFLINE_AFTER);
  } else {
    signedOut();
  }
}

function signedOut() {
  $("banner").textContent = "";
  $("signed-out").hidden = false;
}

// Where people press and click

list.addEventListener("click", (event) => {
  const { target } = event;
  const button = target.closest("button");
  if (button?.dataset.press !== undefined) press(Number(button.closest("li").id.slice(1)), button.dataset.press);
  else if (button?.dataset.copy !== undefined) {
    navigator.clipboard?.writeText(button.dataset.copy).then(() => toast(words.copied));
  } else if (button?.classList.contains("command")) send({ text: button.value });
  else if (button?.classList.contains("again")) flush(current);
  else followOwnLink(event, target.closest("a"));
});

// A link to Faden itself, as a group's card has it, need not load the page again.
async function followOwnLink(event, link) {
  const url = link && new URL(link.href);
  if (!url || url.origin !== location.origin || url.pathname !== "/chat") return;
  event.preventDefault();
  await open(person, { focus: true });
  const payload = url.searchParams.get("start");
  if (payload) send({ text: `/start ${payload}` });
}

$("chats").addEventListener("click", (event) => {
  const button = event.target.closest("[data-chat]");
  if (button) open(Number(button.dataset.chat), { focus: true });
});
switcher.addEventListener("click", () => showPanel(switcher.getAttribute("aria-expanded") !== "true"));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel.classList.contains("open")) {
    showPanel(false);
    switcher.focus();
  }
});
document.addEventListener("pointerdown", (event) => {
  if (panel.classList.contains("open") && !event.target.closest("#rooms, #switch")) showPanel(false);
});
$("begin").addEventListener("click", () => send({ text: "/start" }));
$("earlier").addEventListener("click", loadEarlier);
$("pinned").addEventListener("click", showPinned);
$("newest").addEventListener("click", () => toEnd(calm.matches ? "instant" : "smooth"));
scroller.addEventListener("scroll", scrolled, { passive: true });
document.addEventListener("visibilitychange", () => current && stuck && markRead());
new ResizeObserver(() => stuck && toEnd()).observe(scroller);

const write = composer({ send, complain: toast });

// The beginning

async function begin(wait = 1000) {
  let first;
  try {
    first = await get("chats");
  } catch (failure) {
    if (failure.status === 401) return signedOut();
    $("banner").textContent = words.offline;
    setTimeout(begin, wait, Math.min(wait * 2, 30_000));
    return;
  }
  $("banner").textContent = "";
  chats = first.chats;
  show.setClock(first.now);
  const wanted = Number(location.hash.slice(1));
  await open(!show.start && chatOf(wanted) ? wanted : person);
  if (show.start) send({ text: `/start ${show.start}` });
  follow(first.number, { onNews: take, onState: stateChanged });
}

if (wide.matches) write.focus();
begin();
