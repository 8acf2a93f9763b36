// The field at the bottom: text and its draft, the command menu, files.

import { el, person, words } from "./messages.js";

const FILE_BYTES = 20 * 1024 * 1024;
const CAPTION_LENGTH = 1024;

const $ = (id) => document.getElementById(id);
const [form, entry, menu, slash, staged, picker, drop] = ["composer", "entry", "commands", "slash", "staged", "files", "drop"].map($);

// `send` takes { text } or { file, text }, `complain` a sentence.
export function composer({ send, complain }) {
  let chat = null;
  let commands = [];
  let files = [];
  let chosen = 0;
  let allShown = false; // by the button; otherwise the menu opens while a command is typed
  let dismissed = false;

  const draft = (id = chat) => `draft:${person}:${id}`;

  function write(text) {
    entry.value = text;
    typed();
  }

  function typed() {
    if (entry.value) sessionStorage.setItem(draft(), entry.value);
    else sessionStorage.removeItem(draft());
    if (!CSS.supports("field-sizing", "content")) {
      entry.style.height = "auto";
      entry.style.height = `${entry.scrollHeight + 2}px`;
    }
    chosen = 0;
    dismissed = false;
    showMenu();
    showButtons();
  }

  const showButtons = () => form.classList.toggle("ready", entry.value.trim() !== "" || files.length > 0);

  // Commands

  function matching() {
    if (dismissed) return [];
    const typed = /^\/([a-z0-9_]*)$/i.exec(entry.value)?.[1].toLowerCase();
    if (typed === undefined) return allShown && entry.value === "" ? commands : [];
    return commands.filter(({ command }) => command.startsWith(typed));
  }

  function showMenu() {
    const found = matching();
    const open = found.length > 0;
    menu.replaceChildren(
      ...found.map(({ command, description }, index) =>
        el(
          "li",
          { role: "option", id: `command-${command}`, aria: { selected: index === chosen } },
          el("b", {}, `/${command}`),
          el("span", {}, description),
        ),
      ),
    );
    menu.hidden = !open;
    slash.setAttribute("aria-expanded", open);
    if (open) {
      entry.setAttribute("aria-activedescendant", `command-${found[chosen].command}`);
      menu.children[chosen].scrollIntoView({ block: "nearest" });
    } else {
      entry.removeAttribute("aria-activedescendant");
      allShown = false;
    }
  }

  function closeMenu() {
    dismissed = true;
    showMenu();
  }

  function run(command) {
    write("");
    closeMenu();
    send({ text: `/${command}` });
  }

  slash.addEventListener("click", () => {
    if (menu.hidden) {
      allShown = entry.value === "";
      dismissed = false;
      chosen = 0;
      showMenu();
    } else {
      closeMenu();
    }
    entry.focus();
  });
  menu.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  menu.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) run(option.id.slice("command-".length));
  });
  entry.addEventListener("blur", () => setTimeout(() => form.contains(document.activeElement) || closeMenu()));

  function steerMenu(event) {
    const found = matching();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      chosen = (chosen + step + found.length) % found.length;
      showMenu();
    } else if (event.key === "Enter") {
      run(found[chosen].command);
    } else if (event.key === "Tab" && !event.shiftKey && entry.value) {
      write(`/${found[chosen].command} `);
    } else if (event.key === "Escape") {
      closeMenu();
    } else {
      return;
    }
    event.preventDefault();
  }

  // Files

  function stage(added) {
    for (const file of added) {
      if (file.size > FILE_BYTES) complain(`${file.name}: ${words.tooBig}`);
      else if (file.size === 0) complain(`${file.name}: ${words.emptyFile}`);
      else files.push(file);
    }
    showFiles();
    entry.focus();
  }

  function showFiles() {
    staged.replaceChildren(
      ...files.map((file) => {
        const cross = el("span", { ariaHidden: "true" }, "×");
        const remove = el("button", { type: "button", className: "icon", ariaLabel: `${words.removeFile} ${file.name}` }, cross);
        remove.addEventListener("click", () => {
          files = files.filter((other) => other !== file);
          showFiles();
          entry.focus();
        });
        return el("li", {}, el("span", {}, file.name), remove);
      }),
    );
    staged.hidden = files.length === 0;
    showButtons();
  }

  $("attach").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    stage(picker.files);
    picker.value = "";
  });
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.hidden = true;
    stage(event.dataTransfer.files);
  });
  entry.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    stage(event.clipboardData.files);
  });

  // Sending

  entry.addEventListener("input", typed);
  entry.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (!menu.hidden) steerMenu(event);
    if (event.key === "Enter" && !event.shiftKey && !event.defaultPrevented) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chat === null) return;
    const text = entry.value.trim();
    const [first, ...others] = files;
    const fits = text.length <= CAPTION_LENGTH;
    if (first) send({ file: first, text: fits ? text : "" });
    for (const file of others) send({ file, text: "" });
    if (text && !(first && fits)) send({ text });
    files = [];
    showFiles();
    write("");
    entry.focus();
  });

  return {
    focus: () => entry.focus(),

    // Turn to a chat, with the draft that was left there. Called again when its menu is known, it leaves alone what is typed.
    show(next, menuOfChat) {
      commands = menuOfChat;
      if (chat === next) showMenu();
      else {
        const early = chat === null && entry.value; // somebody was faster than the list of chats
        chat = next;
        files = [];
        showFiles();
        write(early || (sessionStorage.getItem(draft()) ?? ""));
        closeMenu();
      }
    },

    // Give back what could not be sent, before what has been typed since.
    restore(id, text) {
      const before = (typed) => (typed ? `${text}\n${typed}` : text);
      if (id === chat) write(before(entry.value));
      else sessionStorage.setItem(draft(id), before(sessionStorage.getItem(draft(id))));
    },

    // Say why something was not sent, until something is.
    tell(sentence) {
      if ($("told").textContent !== sentence) $("told").textContent = sentence;
    },
  };
}
