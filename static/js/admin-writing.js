// Saves the text being written in this browser, in case the session or the network is lost; and the live preview.
// Only the newsroom stores anything in the browser, until it is saved or a week old.
const PREFIX = "writing:";
const WEEK = 7 * 24 * 3600 * 1000;
const form = document.querySelector("form[data-keep]");

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

// A newsroom page without a form shows that the text was saved: delete it, and old ones too.
for (const key of Object.keys(localStorage)) {
  if (!key.startsWith(PREFIX)) continue;
  const kept = stored(key);
  if (!kept || (kept.sent && !form) || Date.now() - kept.at > WEEK) localStorage.removeItem(key);
}

if (form) {
  const key = `${PREFIX}${form.dataset.keep}:${location.pathname}`;
  const unwritten = new Set(["csrfmiddlewaretoken", "preview", "template", "seen"]);
  const carried = new Set(["id", "opened", "changed"]); // kept with the text, but not written by anybody
  const values = () => Object.fromEntries([...new FormData(form)].filter(([name]) => !unwritten.has(name)));
  const texts = (found) => Object.entries(found).filter(([name, value]) => !carried.has(name) && value);
  const words = (found) => JSON.stringify(texts(found).sort());
  const initial = words(values());

  const keep = (sent) => {
    const found = values();
    if (!sent && words(found) === initial) return;
    try {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), sent, values: found }));
    } catch {
      // The browser stores nothing; writing works without it.
    }
  };
  const putBack = (found) => {
    for (const [name, value] of Object.entries(found)) {
      const box = form.elements[name];
      if (!box) continue;
      if (box.type === "checkbox") box.checked = true;
      else box.value = value;
      const part = box.closest?.("details");
      if (part && value) part.open = true;
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const offer = form.querySelector("[data-kept]");
  const kept = "fresh" in form.dataset ? stored(key) : null;
  if (kept && words(kept.values) !== initial) {
    offer.hidden = false;
    offer.querySelector("[data-when]").textContent = new Date(kept.at).toLocaleString(document.documentElement.lang);
    const longest = texts(kept.values).filter(([name]) => /^(text|title|quote)/.test(name)).map(([, value]) => value).sort((a, b) => b.length - a.length)[0] ?? "";
    offer.querySelector("[data-excerpt]").textContent = longest.slice(0, 200);
    offer.querySelector("[data-put-back]").addEventListener("click", () => { putBack(kept.values); offer.hidden = true; });
    offer.querySelector("[data-throw-away]").addEventListener("click", () => { localStorage.removeItem(key); offer.hidden = true; });
  }

  let soon;
  form.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(() => keep(false), 400); });
  form.addEventListener("submit", ({ submitter }) => {
    if (submitter?.hasAttribute("formtarget")) return;
    clearTimeout(soon);
    keep(true);
  });

  // Refresh the preview while typing, as long as it is open.
  const preview = form.querySelector("[data-preview]");
  const button = preview.querySelector("[formtarget]");
  const show = () => {
    if (!preview.open) return;
    const frame = preview.querySelector("iframe");
    frame.replaceWith(frame.cloneNode()); // a new frame adds nothing to the history
    form.requestSubmit(button);
  };
  let later;
  const showSoon = () => { clearTimeout(later); later = setTimeout(show, 600); };
  button.hidden = true;
  preview.addEventListener("toggle", show);
  form.addEventListener("input", showSoon);
}

// Ctrl+Enter (Cmd+Enter) publishes once its writer was shown what will happen: the first press shows it, the second
// publishes, unless the form has changed since.
const publish = form?.querySelector('[name="action"][value="publish"]');
const forecast = form?.querySelector("[data-forecast]");
if (publish && forecast) {
  const state = () => String(new URLSearchParams(new FormData(form)));
  let seen; // the form as it was when the sentence was shown
  let wanted = false;
  const show = () => {
    wanted = false;
    seen = state();
    forecast.scrollIntoView({ block: "nearest" });
    forecast.focus();
  };
  form.addEventListener("forecast", () => { if (wanted) show(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
    event.preventDefault();
    if ("stale" in form.dataset) wanted = true;
    else if (seen === state()) form.requestSubmit(publish);
    else show();
  });
}
