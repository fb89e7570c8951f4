// Small conveniences for the newsroom. Every page works without them.

// A form is sent once, even on a double click. (The server stores it once as well.)
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formtarget")) return; // the preview
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
// A page restored from the browser's cache can be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

// A template is inserted at once. Typed text stays; text from an earlier template is replaced.
for (const part of document.querySelectorAll("[data-template]")) {
  const select = part.querySelector("select");
  const form = part.closest("form");
  part.querySelector("[data-use]").remove(); // so that Enter in a text field saves a draft
  let put = {};
  select.addEventListener("change", () => {
    const words = JSON.parse(select.selectedOptions[0].dataset.words ?? "{}");
    for (const [name, text] of Object.entries(put)) {
      const box = form.elements[name];
      if (box?.value === text && !(name in words)) box.value = "";
    }
    for (const [name, text] of Object.entries(words)) {
      if (name === "phase") continue;
      const box = form.elements[name];
      const there = box.value.trim();
      if (!there || box.value === put[name]) box.value = text;
      else if (name.startsWith("text_") && !there.includes(text)) box.value = `${there}\n\n${text}`;
    }
    const { phase, ...texts } = words;
    put = texts;
    const step = phase && form.querySelector(`[name=phase][value="${phase}"][type=radio]`);
    if (step && !step.checked) {
      step.checked = true;
      step.dispatchEvent(new Event("change", { bubbles: true }));
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// What publishing would do is computed by the server from the form as it is. `data-stale` until its answer is shown.
for (const form of document.querySelectorAll("form[data-audience]")) {
  const place = form.querySelector("[data-forecast]");
  const initial = place.innerHTML;
  let newest = 0;
  let later;
  let shown = initial;
  const ask = async () => {
    const mine = newest;
    let html = initial; // if the server does not answer; publishing does not depend on it
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.dataset.audience, { method: "POST", body, redirect: "error" });
      if (answer.ok) html = (await answer.json()).html;
    } catch {
      // Offline.
    }
    if (mine !== newest) return;
    if (html !== shown) place.innerHTML = html;
    shown = html;
    delete form.dataset.stale;
    form.dispatchEvent(new CustomEvent("forecast"));
  };
  let asked;
  const change = () => {
    // A text box says that it changed once more when it loses the focus.
    const state = String(new URLSearchParams(new FormData(form)));
    if (state === asked) return;
    asked = state;
    newest += 1;
    form.dataset.stale = "yes";
    clearTimeout(later);
    later = setTimeout(ask, 300);
  };
  for (const event of ["input", "change"]) {
    form.addEventListener(event, ({ target }) => { if (target.name !== "preview") change(); });
  }
  change();
}

// A phase such as “Resolved” sets the affected components, unless they were set by hand.
for (const form of document.querySelectorAll("form[data-steps]")) {
  const steps = JSON.parse(form.dataset.steps);
  const rows = [...form.querySelectorAll("[data-current]")];
  for (const row of rows) row.addEventListener("change", () => delete row.dataset.current);
  for (const radio of form.querySelectorAll("[name=phase]")) {
    radio.addEventListener("change", () => {
      for (const row of rows) {
        if (!("current" in row.dataset)) continue;
        row.querySelector("select").value = steps[radio.value] ?? row.dataset.current;
      }
    });
  }
}

// Whether a correction only adds a translation, as on the server; it has another choice of who is notified.
for (const form of document.querySelectorAll("form[data-addable]")) {
  // A postmortem has a box per section and language.
  const missing = form.dataset.addable.split(" ").filter(Boolean);
  const isMissing = (name) => name.startsWith("text_") && missing.some((code) => name.endsWith(`_${code}`));
  const texts = [...form.elements].filter((box) => /^(text_|quote)/.test(box.name));
  const value = (box) => box.value.trim();
  const original = new Map(texts.map((box) => [box, box.matches("select") ? value(box) : box.defaultValue.trim()]));
  const show = () => {
    const changed = texts.filter((box) => value(box) !== original.get(box)).map((box) => box.name);
    const isTranslation = changed.length > 0 && changed.every(isMissing);
    for (const part of form.querySelectorAll("[data-of-correction]")) part.hidden = isTranslation;
    for (const part of form.querySelectorAll("[data-of-translation]")) part.hidden = !isTranslation;
  };
  form.addEventListener("input", show);
  show();
}

// What readers will see of components that other incidents concern too, as on the server.
for (const list of document.querySelectorAll("[data-severities]")) {
  const severities = list.dataset.severities.split(" ");
  const final = list.dataset.final.split(" ");
  const form = list.closest("form");
  const show = (outlook) => {
    const { others, said } = outlook.dataset;
    const select = outlook.closest("li").querySelector("select");
    const phase = form.elements.phase.value;
    const own = final.includes(phase) ? severities[0] : select.value || said || severities[0];
    const isWorse = severities.indexOf(others) > severities.indexOf(own);
    const isSilent = phase === "scheduled"; // claims nothing before it begins
    const stays = isWorse && !isSilent;
    outlook.querySelector("[data-stays]").hidden = !stays;
    outlook.querySelector("[data-because]").hidden = stays;
    outlook.querySelector("[data-readers]").hidden = stays || isSilent;
    const label = [...select.options].find((option) => option.value === (isWorse ? others : own)).text;
    outlook.querySelector("[data-result]").textContent = label;
  };
  const showAll = () => list.querySelectorAll("[data-others]").forEach(show);
  // After the change of a phase has set the selects, and when kept text is put back.
  for (const event of ["change", "input"]) form.addEventListener(event, showAll);
  showAll(); // the browser may have restored other choices
}

// Focus the first error, or else the first field (not on a phone, where that opens the keyboard). A form that shows
// an earlier version says so first.
const wrong = document.querySelector(".field-wrong");
if (wrong) wrong.querySelector("input, select, textarea")?.focus();
else if (matchMedia("(pointer: fine)").matches && !document.querySelector(".brought-back")) {
  document.querySelector("form[data-once] .localized :is(input, textarea)")?.focus();
}

// Counts down the hold of an announcement. The form can arrive later, in a live part, and goes away with it afterwards.
const ends = new WeakMap();
const refreshed = new WeakMap();
setInterval(() => {
  for (const held of document.querySelectorAll("form[data-seconds]")) {
    const shown = held.querySelector("[data-count]");
    const line = shown.closest("p");
    if (!ends.has(held)) {
      ends.set(held, Date.now() + held.dataset.seconds * 1000);
      line.removeAttribute("role"); // announced once, not every second
    }
    const left = Math.ceil((ends.get(held) - Date.now()) / 1000);
    if (left > 0) shown.textContent = left;
    line.hidden = left <= 0;
    held.querySelector("[data-over]").hidden = left > 0;
    const live = held.closest("[data-live]");
    if (left <= 0 && live && Date.now() > (refreshed.get(live) ?? 0) + 3000) {
      refreshed.set(live, Date.now());
      live.dispatchEvent(new Event("refresh"));
    }
  }
}, 250);
