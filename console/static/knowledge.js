// Files on their way in: one request each, so that one that is refused or cut off keeps no other back.
(() => {
  "use strict";
  const form = document.querySelector("form[data-files]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const list = form.querySelector("[data-sending]");
  const target = document.querySelector(form.dataset.target);

  function line(name) {
    const item = document.createElement("li");
    const words = document.createElement("p");
    const bar = document.createElement("progress");
    words.textContent = name;
    bar.className = "progress";
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", name);
    item.append(words, bar);
    list.append(item);
    return { item, words, bar };
  }

  function send(file) {
    const { item, words, bar } = line(file.name);
    return new Promise((resolve) => {
      const body = new FormData();
      for (const name of ["scope", "audience", "owner"]) body.append(name, form.elements[name].value);
      body.append("files", file, file.name);
      const request = new XMLHttpRequest();
      const lost = (why) => {
        bar.remove();
        words.className = "text-error";
        words.textContent = `${file.name}: ${why}`;
        resolve(false);
      };
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) bar.value = Math.round((100 * event.loaded) / event.total);
      });
      request.upload.addEventListener("load", () => {
        bar.removeAttribute("value");
        words.textContent = `${file.name} ${form.dataset.sent}`;
      });
      request.addEventListener("load", () => {
        if (request.status >= 300) return lost(form.dataset.lost);
        item.remove();
        target.insertAdjacentHTML("afterbegin", request.responseText);
        window.htmx?.process(target);
        resolve(true);
      });
      request.addEventListener("error", () => lost(form.dataset.lost));
      request.open("POST", `${form.action}?name=${encodeURIComponent(file.name)}`);
      request.setRequestHeader("X-CSRF-Token", form.elements.csrf.value);
      request.setRequestHeader("HX-Request", "true");
      request.send(body);
    });
  }

  // Before any other listener: the form is not sent, and stays as it is for the next files.
  window.addEventListener("submit", async (event) => {
    if (event.target !== form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const files = [...input.files];
    list.replaceChildren();
    if (files.length > Number(form.dataset.most)) {
      const { words, bar } = line("");
      bar.remove();
      words.className = "text-error";
      words.textContent = form.dataset.many;
      return;
    }
    form.querySelector("button").disabled = true;
    let whole = true;
    for (const file of files) whole = (await send(file)) && whole;
    form.querySelector("button").disabled = false;
    if (whole) input.value = "";
  }, true);
})();
