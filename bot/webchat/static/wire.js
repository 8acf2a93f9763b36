// How the page talks to the server: requests, uploads, and the stream of what is new.

const LONGEST_WAIT = 30_000;
const SILENCE = 40_000; // the server's heart beats every 15 seconds

const LATER = [401, 408, 429]; // it may work another time

export class Failure extends Error {
  constructor(status, { error = "failed", words = null } = {}) {
    super(error);
    this.status = status; // 0: nobody answered
    this.word = error;
    this.words = words; // a sentence, where the server has one
  }

  get isFinal() {
    return this.status >= 400 && this.status < 500 && !LATER.includes(this.status);
  }
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Failure(0);
  }
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(response.status, body);
  return body;
}

export function get(what, query = {}) {
  return answer(fetch(`/chat/api/${what}?${new URLSearchParams(query)}`, { headers: { Accept: "application/json" } }));
}

export function post(what, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return answer(fetch(`/chat/api/${what}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

// `fetch` cannot say how far an upload has come.
export function upload({ chat, key, caption, file }, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ chat, key, caption, file })) form.append(name, value);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/chat/api/send");
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () =>
      request.status === 200
        ? resolve(request.response)
        : reject(new Failure(request.status, request.response ?? {}));
    request.onerror = request.ontimeout = () => reject(new Failure(0));
    request.send(form);
  });
}

// Follows the stream from a change number on. `onState` hears "open", "lost" and "signed-out".
export function follow(number, { onNews, onState }) {
  let source = null;
  let heard = Date.now();
  let wait = 1000;
  let timer = 0;
  let asleep = false; // another window of this person took the stream; it comes back when somebody looks at this one

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function open() {
    close();
    asleep = false;
    heard = Date.now();
    source = new EventSource(`/chat/api/changes?after=${number}`);
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        heard = Date.now();
        number = Number(event.lastEventId) || number;
        handle(event);
      });
    on("beat", () => {
      wait = 1000;
      onState("open");
    });
    on("news", (event) => onNews(JSON.parse(event.data)));
    on("restart", lost);
    on("elsewhere", () => {
      close();
      asleep = true;
      timer = setTimeout(check, LONGEST_WAIT, SILENCE);
    });
    on("signed_out", () => {
      close();
      onState("signed-out");
    });
    source.addEventListener("error", lost);
  }

  function lost() {
    close();
    onState("lost");
    timer = setTimeout(retry, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  // A stream does not say why it was refused; an ordinary request does.
  async function retry() {
    try {
      await get("chats");
      open();
    } catch (failure) {
      if (failure.status === 401) onState("signed-out");
      else lost();
    }
  }

  // After a laptop's sleep the connection may be dead without a word.
  function check(patience) {
    if (document.visibilityState === "hidden" && asleep) return;
    if (asleep || Date.now() - heard > patience) open();
  }

  setInterval(() => asleep || check(SILENCE), 5000);
  for (const moment of ["focus", "pageshow"]) addEventListener(moment, () => check(SILENCE / 2));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && check(SILENCE / 2));
  addEventListener("online", open);
  addEventListener("offline", lost);
  addEventListener("pagehide", close);
  open();
}
