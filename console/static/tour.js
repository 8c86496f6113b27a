// A short tour: each step points at an element ([data-tour]). Offered on the first visit, and again from the menu.
(() => {
  "use strict";
  const dialog = document.getElementById("tour");
  const invitation = document.getElementById("tour-invitation");
  if (!dialog) return;
  const steps = [...dialog.querySelectorAll("template")].map((one) => one.dataset);
  const mark = `tuan-tour-${dialog.dataset.name}`;
  const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
  let at = 0;

  const seen = () => {
    try {
      return localStorage.getItem(mark) !== null;
    } catch {
      return true;
    }
  };
  const remember = () => {
    try {
      localStorage.setItem(mark, "1");
    } catch {
      // A browser that keeps nothing is asked again.
    }
    if (invitation) invitation.hidden = true;
  };
  const visible = (name) => [...document.querySelectorAll(`[data-tour~="${name}"]`)].find((one) => one.getClientRects().length);

  function show(step) {
    document.querySelector(".tour-spot")?.classList.remove("tour-spot");
    at = step;
    const target = visible(steps[at].target);
    if (target) {
      target.classList.add("tour-spot");
      target.scrollIntoView({ block: "nearest" });
    }
    part("title").textContent = steps[at].title;
    part("about").textContent = steps[at].about;
    part("count").textContent = `${at + 1} / ${steps.length}`;
    part("forward").textContent = at === steps.length - 1 ? dialog.dataset.done : dialog.dataset.next;
    dialog.classList.toggle("tour-high", Boolean(target) && target.getBoundingClientRect().top > innerHeight / 2);
    if (!dialog.open) dialog.show();
    part("forward").focus();
  }
  function end() {
    document.querySelector(".tour-spot")?.classList.remove("tour-spot");
    dialog.close();
    remember();
  }
  part("forward").addEventListener("click", () => (at === steps.length - 1 ? end() : show(at + 1)));
  part("skip").addEventListener("click", end);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-tour-start]")) {
      for (const menu of document.querySelectorAll("details[data-menu][open]")) menu.open = false;
      show(0);
    } else if (event.target.closest("[data-tour-not]")) remember();
  });
  if (invitation && !seen()) invitation.hidden = false;
})();
