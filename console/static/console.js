// The few things that pages need a script for. Without it every form still works and every link still leads somewhere.
(() => {
  "use strict";
  const words = document.body.dataset;
  const $ = (selector, within = document) => within.querySelector(selector);
  const typing = (node) => node.closest("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]");

  // ---------------------------------------------------------------- notes
  const toasts = $("#toasts");
  function toast(text, tone) {
    const note = document.createElement("div");
    note.className = tone === "error" ? "alert alert-error" : "alert alert-success";
    note.dataset.toast = "";
    const line = document.createElement("p");
    line.className = "grow";
    line.textContent = text;
    note.append(line);
    toasts.append(note);
  }
  function settle(note) {
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn btn-ghost btn-sm btn-circle";
    close.setAttribute("aria-label", words.close);
    close.textContent = "✕";
    close.addEventListener("click", () => note.remove());
    note.append(close);
    // One that can be answered stays longer, and nothing goes away under a finger or a reader.
    const seconds = $("form, a", note) ? 20 : 8;
    let left = seconds;
    const clock = setInterval(() => {
      if (!note.isConnected) clearInterval(clock);
      else if (note.matches(":hover, :focus-within")) left = seconds;
      else if ((left -= 1) <= 0) note.remove();
    }, 1000);
  }
  $$("[data-toast]", toasts).forEach(settle);
  new MutationObserver((changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]).filter((node) => node.nodeType === 1 && node.matches("[data-toast]"));
    // The latest answer takes the place of the one before: on a phone there is room for no more.
    if (added.length) $$("[data-toast]", toasts).forEach((note) => added.includes(note) || note.remove());
    added.forEach(settle);
  }).observe(toasts, { childList: true });
  function $$(selector, within = document) {
    return [...within.querySelectorAll(selector)];
  }

  // ---------------------------------------------------------------- asking first
  const dialog = $("#ask-first");
  function askFirst(question) {
    return new Promise((resolve) => {
      $("[data-words]", dialog).textContent = question;
      dialog.returnValue = "no";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
    });
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const asks = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (asks && !form.confirmed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      askFirst(asks).then((yes) => {
        if (!yes) return;
        form.confirmed = true;
        form.requestSubmit(event.submitter);
        form.confirmed = false;
      });
    } else if (form.dataset.upload !== undefined) {
      event.preventDefault();
      event.stopImmediatePropagation();
      upload(form, event.submitter);
    } else if (form.method === "post" && !form.hasAttribute("hx-post") && form.dataset.stays === undefined) {
      // Sent twice is done once anyway; this only spares the second tap, and says that the first is on its way.
      if (form.classList.contains("busy")) event.preventDefault();
      else if (!navigator.onLine) {
        // What was written stays where it is, and can be sent as soon as there is a network.
        event.preventDefault();
        toast(words.lost, "error");
      } else hurry(form, event.submitter);
    }
  }, true);
  function hurry(form, button) {
    form.classList.add("busy");
    if (!button?.dataset.busy) return;
    button.dataset.calm = button.textContent;
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-busy", "true");
  }
  addEventListener("pageshow", () => {
    $$("form.busy").forEach((form) => form.classList.remove("busy"));
    for (const button of $$("[data-calm]")) {
      button.textContent = button.dataset.calm;
      button.removeAttribute("data-calm");
      button.removeAttribute("aria-busy");
    }
  });
  document.addEventListener("htmx:confirm", (event) => {
    const question = event.detail.ctx?.confirm;
    if (!question) return;
    event.preventDefault();
    askFirst(question).then((yes) => (yes ? event.detail.issueRequest() : event.detail.dropRequest()));
  });
  // A whole page where a piece was asked for: signed out, sent elsewhere, or refused. It never lands inside this one.
  document.addEventListener("htmx:after:request", (event) => {
    const { response, text, select } = event.detail.ctx;
    if (response.status === 401) {
      event.preventDefault();
      location.reload();
    } else if (/^\s*<!doctype/i.test(text)) {
      if (response.status >= 400) {
        event.preventDefault();
        toast(new DOMParser().parseFromString(text, "text/html").querySelector("h1")?.textContent || words.lost, "error");
      } else if (response.raw.redirected && !select) {
        event.preventDefault();
        location.assign(response.raw.url);
      }
    }
  });
  document.addEventListener("htmx:error", () => toast(words.lost, "error"));
  // What a form in a dialog brought stands in a note, which the dialog would cover. Done: the next one begins empty.
  document.addEventListener("htmx:after:request", (event) => event.target.closest?.("dialog[open]:not([data-stays])")?.close());
  document.addEventListener("acted", (event) => event.target.closest?.("dialog")?.querySelector("form[hx-post]")?.reset());

  // ---------------------------------------------------------------- files
  // <form data-upload> with <progress data-progress hidden> and, if the answer belongs on this page, data-target="#id".
  function upload(form, submitter) {
    const request = new XMLHttpRequest();
    const bar = $("[data-progress]", form);
    const done = () => {
      form.classList.remove("busy");
      if (bar) bar.hidden = true;
    };
    request.upload.addEventListener("progress", (event) => {
      if (!bar || !event.lengthComputable) return;
      bar.hidden = false;
      bar.max = event.total;
      bar.value = event.loaded;
    });
    request.addEventListener("load", () => {
      const target = form.dataset.target && $(form.dataset.target);
      done();
      if (target && request.status < 500) {
        target.innerHTML = request.responseText;
        window.htmx?.process(target);
        form.reset();
      } else if (request.status < 400) {
        location.assign(request.responseURL);
      } else {
        document.open();
        document.write(request.responseText);
        document.close();
      }
    });
    request.addEventListener("error", () => {
      done();
      toast(words.lost, "error");
    });
    request.open("POST", form.action);
    if (form.dataset.target) request.setRequestHeader("HX-Request", "true");
    form.classList.add("busy");
    request.send(new FormData(form, submitter));
  }
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const zone = event.target.closest?.(".drop");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("drop-over", kind === "dragenter" || kind === "dragover");
      const input = $("input[type=file]", zone);
      if (kind === "drop" && input && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      }
    });
  }

  // ---------------------------------------------------------------- rows of choices
  // On a phone they are one line that scrolls: the one that is chosen is in sight.
  for (const chosen of $$(".chips > [aria-current]")) {
    const row = chosen.parentElement;
    row.scrollLeft += chosen.getBoundingClientRect().right - row.getBoundingClientRect().right + 16;
  }

  // ---------------------------------------------------------------- taps
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) $(`#${CSS.escape(opener.dataset.open)}`)?.showModal();
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      const source = document.getElementById(copier.dataset.copy);
      const given = navigator.clipboard?.writeText(source.value ?? source.textContent) ?? Promise.reject(new Error("no clipboard"));
      // Over plain http and in some phones' own browsers there is no clipboard: the old way, else by a long press.
      const chosen = () => {
        if (source.select) source.select();
        else getSelection().selectAllChildren(source);
        return document.execCommand("copy");
      };
      given.then(() => true, chosen).then((done) => toast(done ? words.copied : words.copyYourself, done ? "" : "error"));
    }
    if (event.target.matches?.("dialog.modal")) event.target.close("no");
    for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("change", (event) => {
    if (event.target.form?.dataset.auto !== undefined) event.target.form.requestSubmit();
  });

  // ---------------------------------------------------------------- keys
  // A page declares <div data-keys>; its entries are [data-item]; j and k move, Enter opens, any other letter presses
  // the [data-key="letter"] of the entry, or of the page; ? opens the dialog #keys.
  const items = () => $$("[data-keys] [data-item]");
  function moveTo(item) {
    if (!item) return;
    for (const other of items()) other.removeAttribute("data-at");
    item.setAttribute("data-at", "");
    if (!item.hasAttribute("tabindex")) item.tabIndex = -1;
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of $$("details[data-menu][open]")) {
        menu.open = false;
        $("summary", menu).focus();
      }
    }
    if (!$("[data-keys]") || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if ($("dialog[open]") || typing(event.target)) return;
    const all = items();
    const at = all.findIndex((item) => item.hasAttribute("data-at"));
    if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      moveTo(all[event.key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0)]);
    } else if (event.key === "?") {
      $("#keys")?.showModal();
    } else {
      if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
      const key = event.key === "Enter" ? "enter" : event.key;
      if (!/^[a-z]+$/.test(key)) return;
      const found = (all[at] && $(`[data-key="${key}"]`, all[at])) || $$(`[data-key="${key}"]`).find((one) => !one.closest("[data-item]"));
      if (!found) return;
      event.preventDefault();
      if (typing(found)) found.focus();
      else found.click();
    }
  });
  // An entry that was dealt with goes away; the next one takes its place.
  let lastAt = -1;
  document.addEventListener("htmx:before:swap", () => {
    lastAt = items().findIndex((item) => item.hasAttribute("data-at"));
  });
  document.addEventListener("htmx:after:swap", () => {
    const all = items();
    if (lastAt >= 0 && all.length && !all.some((item) => item.hasAttribute("data-at"))) moveTo(all[Math.min(lastAt, all.length - 1)]);
  });

  // ---------------------------------------------------------------- fields
  // A field that is missing or unfit says so in the words of the page, not in those of the browser.
  document.addEventListener("invalid", (event) => event.target.setCustomValidity(event.target.validity.valueMissing ? words.missing : words.unfit), true);
  document.addEventListener("input", (event) => event.target.setCustomValidity?.(""), true);

  // A list of groups that is not all of them: what is typed above it is looked for at the server.
  const aGroup = /^(group:)?\d+$/;
  function finder(select) {
    const mark = [...select.options].find((one) => aGroup.test(one.value))?.value.startsWith("group:") ? "group:" : "";
    if ([...select.options].filter((one) => aGroup.test(one.value)).length < Number(words.many) || select.dataset.found) return;
    select.dataset.found = "1";
    const input = document.createElement("input");
    input.type = "search";
    input.className = "input mb-1";
    input.maxLength = 40;
    // Of no form: neither sent with one nor sending one.
    input.setAttribute("form", "");
    input.placeholder = words.findGroup;
    input.setAttribute("aria-label", words.findGroup);
    const note = document.createElement("span");
    note.className = "text-muted block text-sm";
    note.setAttribute("role", "status");
    const all = [...select.options];
    let asked = 0;
    async function look() {
      const at = (asked += 1);
      const wanted = input.value.trim();
      let found = [];
      if (wanted) {
        const answer = await fetch(`/console/scopes?q=${encodeURIComponent(wanted)}`).catch(() => null);
        if (at !== asked) return;
        if (!answer?.ok) return toast(words.lost, "error");
        found = (await answer.json()).groups.map(([number, name]) => new Option(name, mark + number));
      }
      const chosen = select.value;
      const kept = wanted ? all.filter((one) => !aGroup.test(one.value) || (one.value === chosen && !found.some((other) => other.value === chosen))) : all;
      select.replaceChildren(...kept, ...found);
      select.value = found.length === 1 ? found[0].value : chosen;
      if (select.value !== chosen) select.dispatchEvent(new Event("change", { bubbles: true }));
      note.textContent = !wanted ? "" : found.length ? words.found : words.foundNone;
    }
    let waits = 0;
    input.addEventListener("input", (event) => {
      event.stopPropagation();
      clearTimeout(waits);
      waits = setTimeout(look, 300);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      clearTimeout(waits);
      look();
    });
    select.before(input);
    select.after(note);
  }
  const finders = () => $$("select[name=scope], select[name=group]").forEach(finder);
  finders();
  document.addEventListener("htmx:after:swap", finders);

  if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => {});
})();
