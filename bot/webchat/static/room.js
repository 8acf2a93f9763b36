// What the page knows of one chat.

export class Room {
  messages = new Map();
  outgoing = [];
  commands = [];
  loaded = false;
  before = null; // where the earlier messages begin that are not loaded
  divider = null; // the first message that was unread
  below = 0; // new ones that are out of view
  marked = 0; // read up to here
  loading = null;
  sending = false;

  constructor(id) {
    this.id = id;
  }

  get sorted() {
    return [...this.messages.values()].sort((one, other) => one.id - other.id);
  }

  get newest() {
    return Math.max(0, ...this.messages.keys());
  }

  // Whether that is news.
  put(message) {
    const known = this.messages.get(message.id);
    if (known ? known.change >= message.change : this.before !== null && message.id < this.before) return false;
    if (message.deleted) this.messages.delete(message.id);
    else this.messages.set(message.id, message);
    if (message.own) this.arrived(message);
    return true;
  }

  // One's own message may come through the stream before the answer to sending it.
  arrived(message) {
    const mine = this.outgoing.find(({ text, file }) => (text || file?.name || "").startsWith(message.text));
    if (mine && !message.deleted) this.drop(mine);
  }

  drop(sending) {
    this.outgoing = this.outgoing.filter((other) => other !== sending);
  }
}
