// Dragging a beat of the calendar to another day, by pointer or with Alt and the arrow keys; and the day beside the month.
(() => {
  "use strict";
  const wall = document.getElementById("wall");
  const form = document.getElementById("shift-form");
  const dialog = document.getElementById("day-dialog");
  if (!wall || !form) return;

  function send(chip, day) {
    if (day < chip.dataset.from || day > chip.dataset.to) return;
    form.elements.beat.value = chip.dataset.beat;
    form.elements.day.value = day;
    form.requestSubmit();
  }

  // ---------------------------------------------------------------- pointer
  let held = null;
  const dayAt = (x, y) => document.elementsFromPoint(x, y).find((node) => node.dataset && node.dataset.day);
  const fits = (day) => day && day.dataset.day >= held.chip.dataset.from && day.dataset.day <= held.chip.dataset.to;
  function mark(day) {
    if (held.over) held.over.classList.remove("outline-2", "outline-accent");
    held.over = fits(day) ? day : null;
    if (held.over) held.over.classList.add("outline-2", "outline-accent");
  }
  function drop() {
    if (!held) return;
    mark(null);
    held.chip.classList.remove("opacity-60");
    wall.querySelectorAll("[data-day]").forEach((day) => day.classList.remove("bg-soft"));
    held = null;
  }
  wall.addEventListener("pointerdown", (event) => {
    const chip = event.target.closest("[data-beat]");
    if (chip && event.button === 0) held = { chip, x: event.clientX, y: event.clientY, on: false, over: null, id: event.pointerId };
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.on && Math.hypot(event.clientX - held.x, event.clientY - held.y) > 6) {
      held.on = true;
      held.chip.classList.add("opacity-60");
      wall.querySelectorAll("[data-day]").forEach((day) => fits(day) && day.classList.add("bg-soft"));
    }
    if (held.on) mark(dayAt(event.clientX, event.clientY));
  });
  addEventListener("pointerup", () => {
    if (!held) return;
    const { chip, on, over } = held;
    drop();
    if (!on) return;
    // The click that follows a drag opens nothing.
    addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    if (over) send(chip, over.dataset.day);
  });
  addEventListener("pointercancel", drop);
  addEventListener("keydown", (event) => event.key === "Escape" && drop());

  // ---------------------------------------------------------------- keyboard
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  let focused = "";
  wall.addEventListener("keydown", (event) => {
    const chip = event.target.closest("[data-beat]");
    const step = STEPS[event.key];
    if (!chip || !step || !event.altKey) return;
    event.preventDefault();
    const day = new Date(`${chip.closest("[data-day]").dataset.day}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + step);
    focused = chip.dataset.beat;
    send(chip, day.toISOString().slice(0, 10));
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail?.ctx?.target ?? event.target;
    if (target === wall && focused) wall.querySelector(`[data-beat="${focused}"]`)?.focus();
    if (target.id === "day-box" && !dialog.open) dialog.showModal();
  });
})();
