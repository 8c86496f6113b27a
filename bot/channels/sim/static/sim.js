// The simulator's page. Words of people and of the bot only ever become text nodes.
const words = JSON.parse(document.body.dataset.words);
const $ = (selector, root = document) => root.querySelector(selector);
const fill = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const make = (tag, className = "", text = "") => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
};
const world = { event: 0, people: new Map(), groups: new Map(), lines: new Map(), clock: null, chips: {} };
const desks = new Map();
const FACES = 6; // of a large group as many stand in a row until somebody wants to see all
let offset = 0; // the simulated clock's lead over this machine's

// ------------------------------------------------------------------ asking and telling
async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}
async function post(name, body) {
  try {
    const answer = await fetch(`/sim/api/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const found = await answer.json();
    if (found.refused) toast(found.refused);
    return answer.ok ? found : null;
  } catch {
    toast(words.failed);
    return null;
  }
}
async function give(person, file) {
  const where = `/sim/api/file?person=${encodeURIComponent(person)}&name=${encodeURIComponent(file.name)}`;
  const answer = await fetch(where, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file }).catch(() => null);
  const found = await answer?.json().catch(() => null);
  if (!found || found.refused) toast(found?.refused ?? words.failed);
}
let toasting = 0;
function toast(text) {
  const node = $("#toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(toasting);
  toasting = setTimeout(() => { node.hidden = true; }, 4000);
}

// ------------------------------------------------------------------ time
function parts(iso) {
  const found = new Intl.DateTimeFormat("zh-CN", { timeZone: world.clock.zone, year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", weekday: "short" }).formatToParts(new Date(iso));
  return Object.fromEntries(found.map((part) => [part.type, part.value]));
}
const hourOf = (iso) => { const p = parts(iso); return `${p.hour}:${p.minute}`; };
const dayKey = (iso) => { const p = parts(iso); return `${p.year}-${p.month}-${p.day}`; };
function dayName(iso) {
  const p = parts(iso);
  const name = fill("month_day", { month: p.month, day: p.day });
  const now = new Date(Date.now() + offset);
  if (dayKey(iso) === dayKey(now.toISOString())) return `${words.today} · ${name}`;
  if (dayKey(iso) === dayKey(new Date(now - 864e5).toISOString())) return `${words.yesterday} · ${name}`;
  return `${name} ${p.weekday}`;
}
function showTime() {
  if (!world.clock) return;
  const iso = new Date(Date.now() + offset).toISOString();
  const p = parts(iso);
  $("#now-time").textContent = `${p.hour}:${p.minute}`;
  $("#now-date").textContent = fill("month_day", { month: p.month, day: p.day });
  $("#now-weekday").textContent = p.weekday;
}
let lastFired = "";
function showClock(clock) {
  world.clock = clock;
  offset = new Date(clock.now) - Date.now();
  showTime();
  const busy = Boolean(clock.moving);
  document.querySelectorAll("[data-move], #clock-to button").forEach((one) => { one.disabled = busy; });
  document.querySelectorAll("[data-write] .button").forEach((one) => { one.disabled = clock.preparing; });
  $("#progress").hidden = !busy;
  if (busy) {
    const [from, to] = [new Date(clock.moving.from), new Date(clock.moving.to)];
    $("#progress progress").value = Math.max(2, Math.round(((new Date(clock.now) - from) / (to - from)) * 100));
    $("#progress-words").textContent = clock.preparing ? words.preparing : words.clock_moving;
  }
  const fired = JSON.stringify(clock.fired);
  if (fired === lastFired) return;
  lastFired = fired;
  const list = $("#fired");
  list.replaceChildren(...clock.fired.map((one) => {
    const item = make("li");
    const time = make("time", "", hourOf(one.at));
    time.dateTime = one.at;
    item.append(time, make("b", "", world.groups.get(one.conversation)?.name ?? words.private), make("span", "", one.text));
    return item;
  }));
  $("#fired-count").textContent = clock.fired.length ? fill("fired_count", { count: clock.fired.length }) : words.fired_none;
}

// ------------------------------------------------------------------ a desk: one chat
class Desk {
  constructor(node, room) {
    this.node = node;
    this.room = room; // null: private chats
    this.lines = $("[data-lines]", node);
    this.person = "";
    this.quoting = null;
    $("[data-composer]", node).append($("#composer").content.cloneNode(true));
    this.field = $("[name=text]", node);
    this.at = $("[data-at]", node);
    this.at.hidden = !room;
    this.field.placeholder = room ? words.placeholder_group : words.placeholder_private;
    this.field.setAttribute("aria-label", this.field.placeholder);
    $("[data-write]", node).addEventListener("submit", (event) => { event.preventDefault(); this.say(this.field.value, true); });
    $("[data-unquote]", node).addEventListener("click", () => this.quote(null));
    this.at.addEventListener("click", () => { this.mention(this.at.getAttribute("aria-pressed") !== "true"); this.field.focus(); });
    $("[data-invite]", node)?.addEventListener("click", () => invite(this));
  }
  get conversation() { return this.room ?? this.person; }
  mention(on) { this.at.setAttribute("aria-pressed", String(on)); }
  members() {
    return this.room ? world.groups.get(this.room).members : [...world.people.values()].filter((one) => one.cast).map((one) => one.id);
  }
  showPeople() {
    const members = this.members().map((id) => world.people.get(id)).sort((a, b) => Number(b.cast) - Number(a.cast));
    const leader = this.room ? world.groups.get(this.room).leader : "";
    if (!members.some((one) => one.id === this.person)) {
      const first = this.room ? members.find((one) => one.id !== leader) : members.find((one) => one.name && [...world.groups.values()].some((group) => group.leader === one.id));
      this.choose((first ?? members[0]).id);
    }
    const shown = this.whole || members.length <= FACES + 1 ? members : members.slice(0, FACES);
    if (!shown.some((one) => one.id === this.person)) shown.splice(-1, 1, members.find((one) => one.id === this.person));
    const row = $("[data-faces]", this.node);
    row.classList.toggle("whole", Boolean(this.whole));
    row.replaceChildren(...shown.map((one) => {
      const face = make("button", "face");
      face.type = "button";
      face.setAttribute("aria-pressed", String(one.id === this.person));
      face.append(avatar(one), make("span", "", one.name));
      if (this.room ? one.id === leader : [...world.groups.values()].some((group) => group.leader === one.id)) face.append(make("span", "crown", words.leader));
      face.addEventListener("click", () => this.choose(one.id));
      return face;
    }));
    if (members.length > FACES + 1) {
      const more = make("button", "face more");
      more.type = "button";
      more.setAttribute("aria-expanded", String(Boolean(this.whole)));
      more.append(make("span", "avatar", this.whole ? "×" : `+${members.length - shown.length}`), make("span", "", this.whole ? words.fewer : words.everybody));
      more.addEventListener("click", () => { this.whole = !this.whole; this.showPeople(); $(".more", row).focus(); });
      row.append(more);
    }
    if (this.room) {
      const note = $("[data-members]", this.node);
      note.textContent = fill("members", { count: members.length });
      if (this.person !== leader) {
        const out = make("button", "out-button", words.remove);
        out.type = "button";
        out.title = words.remove_hint;
        out.addEventListener("click", () => post("leave", { conversation: this.room, person: this.person }));
        note.append(" · ", out);
      }
    }
  }
  choose(person) {
    this.person = person;
    const who = world.people.get(person);
    const me = $("[data-me]", this.node);
    me.className = `avatar c${who.colour}`;
    me.textContent = face(who.name);
    if (!this.room) $("[data-members]", this.node).textContent = fill("private_with", { name: who.name });
    this.showPeople();
    this.showLines();
  }
  showChips() {
    const chips = this.room ? world.chips.group : world.chips.private;
    $("[data-chips]", this.node).replaceChildren(...chips.map((text) => {
      const chip = make("button", "chip", text);
      chip.type = "button";
      chip.addEventListener("click", () => this.say(text, false, text === words.chip_question));
      return chip;
    }));
    // A photo without a file: what is typed goes with it.
    const photo = make("button", "chip", words.chip_photo);
    photo.type = "button";
    photo.addEventListener("click", () => this.say(this.field.value, true, false, "photo"));
    $("[data-chips]", this.node).append(photo);
    if (!this.room) $("[data-chips]", this.node).append(...this.fileChip());
  }
  fileChip() {
    const field = make("input");
    field.type = "file";
    field.hidden = true;
    field.addEventListener("change", () => { if (field.files[0]) give(this.person, field.files[0]); field.value = ""; });
    const chip = make("button", "chip", words.chip_file);
    chip.type = "button";
    chip.addEventListener("click", () => field.click());
    return [chip, field];
  }
  showLines() {
    const lines = world.lines.get(this.conversation) ?? [];
    this.lines.replaceChildren();
    this.day = "";
    if (!lines.length) {
      this.lines.append(make("p", "empty", this.room ? words.empty_group : words.empty_private));
      return;
    }
    if (lines.length >= 60 && !lines.whole) {
      const older = make("button", "chip older", words.older);
      older.type = "button";
      older.addEventListener("click", () => this.older(lines[0].number));
      this.lines.append(older);
    }
    for (const line of lines) this.add(line);
    this.toEnd();
  }
  async older(before) {
    const found = await get(`/sim/api/lines?conversation=${encodeURIComponent(this.conversation)}&before=${before}`).catch(() => null);
    if (!found) return toast(words.failed);
    const lines = [...found.lines, ...world.lines.get(this.conversation)];
    lines.whole = found.lines.length < 60;
    world.lines.set(this.conversation, lines);
    const from = this.lines.scrollHeight;
    this.showLines();
    this.lines.scrollTop = this.lines.scrollHeight - from;
  }
  toEnd() { this.lines.scrollTop = this.lines.scrollHeight; }
  add(line, fresh = false) {
    const day = dayKey(line.at);
    if (day !== this.day) {
      this.day = day;
      const mark = make("p", "day");
      mark.append(make("span", "", dayName(line.at)));
      this.lines.append(mark);
    }
    $(".empty", this.lines)?.remove();
    const node = this.draw(line);
    if (fresh) node.classList.add("fresh");
    this.lines.append(node);
  }
  put(line, known) {
    const near = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 160;
    const old = known && [...this.lines.children].find((node) => node.dataset.id === line.id);
    if (old) old.replaceWith(this.draw(line));
    else if (!known) this.add(line, true);
    if (near || line.from === this.person) this.toEnd();
  }
  card(name) {
    const link = make("a", "picture");
    link.href = `/sim/pictures/${name}`;
    link.target = "_blank";
    const image = make("img");
    image.alt = words.picture;
    image.addEventListener("load", () => {
      if (this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 160 + image.clientHeight) this.toEnd();
    });
    image.addEventListener("error", () => link.remove());
    image.src = link.href;
    link.append(image);
    return link;
  }
  draw(line) {
    if (line.kind === "note") return make("p", "note", line.parts[0][0]);
    const isBot = line.from === "bot";
    const mine = line.from === this.person;
    const node = make("article", `line ${isBot ? "bot" : ""} ${mine ? "mine" : ""} ${line.kind === "push" ? "push" : ""}`);
    node.dataset.id = line.id;
    const body = make("div", "body");
    const meta = make("div", "meta");
    meta.append(make("span", "", isBot ? words.bot_short : line.name));
    if (isBot) meta.append(make("span", "badge green", words.bot_badge));
    const time = make("time", "", hourOf(line.at));
    time.dateTime = line.at;
    meta.append(time);
    if (line.edited) meta.append(make("span", "", words.edited));
    const bubble = make("div", "bubble");
    if (line.quote) {
      const quote = make("button", "quote", `${line.quote.name}：${line.quote.text.replace(/\n/g, " ")}`);
      quote.type = "button";
      quote.addEventListener("click", () => this.flash(line.quote.id));
      bubble.append(quote);
    }
    if (line.picture) bubble.append(this.card(line.picture));
    if (line.mention) bubble.append(make("span", "at", `${words.mention} `));
    for (const [text, bold] of line.parts) bubble.append(bold ? make("b", "", text) : document.createTextNode(text));
    body.append(meta, bubble);
    if (line.reactions.length) {
      const row = make("div", "reactions");
      row.append(...line.reactions.map((one) => make("span", "", one)));
      body.append(row);
    }
    if (line.citations.length) {
      const cites = make("details", "cites");
      cites.append(make("summary", "", words.sources));
      for (const one of line.citations) cites.append(make("blockquote", "", `${one.document}\n${one.quote}`));
      body.append(cites);
    }
    if (line.buttons.length) {
      const keys = make("div", "keys");
      for (const row of line.buttons) {
        const cells = make("div");
        for (const one of row) {
          const key = make("button", "chip", one.label);
          key.type = "button";
          key.addEventListener("click", () => post("press", { conversation: this.conversation, person: this.person, line: line.id, key: one.key }));
          cells.append(key);
        }
        keys.append(cells);
      }
      body.append(keys);
    }
    const picture = isBot ? botFace() : avatar(world.people.get(line.from) ?? { name: line.name, colour: 0 });
    const answer = make("button", "do", words.quote);
    answer.type = "button";
    answer.setAttribute("aria-label", fill("quoting", { name: line.name }));
    answer.addEventListener("click", () => { this.quote(line); this.field.focus(); });
    node.append(picture, body, answer);
    return node;
  }
  flash(id) {
    const node = [...this.lines.children].find((one) => one.dataset.id === id);
    if (!node) return;
    node.scrollIntoView({ block: "center" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), 1200);
  }
  quote(line) {
    this.quoting = line;
    const bar = $("[data-quoting]", this.node);
    bar.hidden = !line;
    if (line) $("[data-quoted]", bar).textContent = `${fill("quoting", { name: line.name })}：${line.parts.map((part) => part[0]).join("").replace(/\n/g, " ")}`;
  }
  async say(text, typed, addressed = false, media = "") {
    if ((!text.trim() && !media) || world.clock?.preparing) return;
    const body = { conversation: this.conversation, person: this.person, text, media, reply_to: this.quoting?.id ?? "", addressed: addressed || (Boolean(this.room) && this.at.getAttribute("aria-pressed") === "true") };
    if (typed) this.field.value = "";
    this.toEnd();
    if (await post("say", body)) { this.quote(null); this.mention(false); } else if (typed && !this.field.value) this.field.value = text;
  }
}
// A name's picture: its last word's first character, numbers of flats left out.
const face = (name) => [...name.replace(/^[\d\s]+/, "")][0] ?? "·";
function avatar(person) { return make("span", `avatar c${person.colour}`, face(person.name)); }
function botFace() {
  const node = make("span", "avatar botface");
  const image = make("img");
  image.src = "/static/logo.svg";
  image.alt = "";
  node.append(image);
  return node;
}

// ------------------------------------------------------------------ inviting
let inviting = null;
function invite(desk) {
  inviting = desk;
  $("#invite-name").value = "";
  $("#invite").showModal();
}
$("#invite").addEventListener("close", async () => {
  const name = $("#invite-name").value.trim();
  if ($("#invite").returnValue !== "invite" || !name) return;
  const found = await post("join", { conversation: inviting.room, name, invited_by: inviting.person });
  if (!found) return;
  inviting.wanted = found.person;
  if (inviting.members().includes(found.person)) { inviting.wanted = null; inviting.choose(found.person); }
});

// ------------------------------------------------------------------ changes
function takeCast(cast) {
  world.people = new Map(cast.people.map((one) => [one.id, one]));
  world.groups = new Map(cast.groups.map((one) => [one.id, one]));
}
function takeLine(line) {
  const lines = world.lines.get(line.conversation) ?? [];
  world.lines.set(line.conversation, lines);
  const at = lines.findIndex((one) => one.id === line.id);
  if (at >= 0) lines[at] = line;
  else lines.push(line);
  for (const desk of desks.values()) {
    if (desk.conversation === line.conversation) desk.put(line, at >= 0);
    if (at < 0 && (desk.room ?? "private") === (world.groups.has(line.conversation) ? line.conversation : "private")) mark(desk);
  }
  if (at < 0 && !world.groups.has(line.conversation) && line.from === "bot") followPrivate(line.conversation);
}
function followPrivate(person) {
  // A private message to somebody of the cast opens that chat, so that a newcomer sees that one came.
  const desk = desks.get("private");
  if (desk.person !== person && world.people.get(person)?.cast && !desk.field.value) desk.choose(person);
}
function mark(desk) {
  const number = desk.node.dataset.desk;
  if (document.body.dataset.tab !== number) $(`.tabs [data-tab="${number}"] .dot`).hidden = false;
}
function take(change) {
  if (change.type === "line") takeLine(change.line);
  else if (change.type === "cast") {
    takeCast(change);
    for (const desk of desks.values()) {
      if (desk.wanted && desk.members().includes(desk.wanted)) { desk.choose(desk.wanted); desk.wanted = null; } else desk.showPeople();
    }
  }
}
async function load() {
  const state = await get("/sim/api/state");
  world.event = state.event;
  world.chips = state.chips;
  world.clock = state.clock;
  takeCast(state);
  world.lines = new Map(Object.entries(state.lines));
  showClock(state.clock);
  for (const node of document.querySelectorAll(".desk")) {
    const key = node.dataset.room ?? "private";
    if (!desks.has(key)) desks.set(key, new Desk(node, node.dataset.room ?? null));
  }
  for (const desk of desks.values()) { desk.showPeople(); desk.showChips(); desk.showLines(); }
  document.body.dataset.ready = "yes";
}
async function follow() {
  for (;;) {
    try {
      const found = await get(`/sim/api/changes?after=${world.event}`);
      if (found.changes === null) { await load(); continue; }
      const wasPreparing = world.clock.preparing;
      world.event = found.event;
      showClock(found.clock);
      if (found.changes.length > 400) await load();
      else found.changes.forEach(take);
      if (wasPreparing && !found.clock.preparing) await load();
    } catch {
      toast(words.offline);
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}

// ------------------------------------------------------------------ the page
for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => moveClock({ move: button.dataset.move }));
async function moveClock(body) {
  const before = lastFired;
  const found = await post("clock", body);
  if (!found) return;
  showClock(found.clock);
  if (lastFired !== before || !found.clock.fired.length) toast(found.clock.fired.length ? `${words.fired} · ${fill("fired_count", { count: found.clock.fired.length })}` : words.fired_none);
}
function panel(open) {
  $("#clock-panel").hidden = !open;
  $("#now").setAttribute("aria-expanded", String(open));
  if (open) {
    const p = parts(new Date(Date.now() + offset + 36e5).toISOString());
    $("#to").value = `${p.year}-${p.month.padStart(2, "0")}-${p.day.padStart(2, "0")}T${p.hour}:00`;
  }
}
$("#now").addEventListener("click", () => panel($("#clock-panel").hidden));
$("#clock-close").addEventListener("click", () => panel(false));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") panel(false); });
$("#clock-to").addEventListener("submit", (event) => { event.preventDefault(); moveClock({ move: "to", to: $("#to").value }); });
function tab(number) {
  document.body.dataset.tab = number;
  for (const one of document.querySelectorAll(".tabs button")) {
    if (one.dataset.tab === number) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  $(`.tabs [data-tab="${number}"] .dot`).hidden = true;
  for (const desk of desks.values()) if (desk.node.dataset.desk === number) desk.toEnd();
}
for (const button of document.querySelectorAll(".tabs button")) button.addEventListener("click", () => tab(button.dataset.tab));
tab("0");
setInterval(showTime, 1000);
load().then(follow, () => toast(words.offline));
