// Keeps what is typed into a form: on the server, which also shows others who is writing, and in this browser for as
// long as the server has not confirmed it. The page offers what the server has; this script offers the rest.
const PREFIX = "writing:";
const WEEK = 7 * 24 * 3600 * 1000;
const BEAT = 8000; // ms; twice within SEEN_FOR, the time for which others see the writer
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
  const here = `${PREFIX}${form.dataset.keep}:${location.pathname}`;
  const box = form.elements.unsaved; // names this form on the server
  const unwritten = new Set(["csrfmiddlewaretoken", "preview", "template", "seen", "unsaved"]);
  const carried = new Set(["id", "opened", "changed", "times"]); // kept with the text, but not written by anybody
  const values = () => Object.fromEntries([...new FormData(form)].filter(([name]) => !unwritten.has(name)));
  const texts = (found) => Object.entries(found).filter(([name, value]) => !carried.has(name) && value);
  const words = (found) => JSON.stringify(texts(found).sort());
  const fresh = "fresh" in form.dataset;
  const initial = words(values());
  const state = form.querySelector("[data-kept-state]");

  const newKey = () => {
    const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
    box.value = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  if (!box.value) newKey();

  // What the server has confirmed; a form that it has just shown again, with what was sent, is not confirmed.
  let confirmed = fresh ? initial : "";
  let sending = false;
  let isSent = false;

  const keepHere = (sent) => {
    const found = values();
    const typed = words(found);
    if (!sent && fresh && typed === initial) return;
    try {
      localStorage.setItem(here, JSON.stringify({ at: Date.now(), sent, confirmed: typed === confirmed, values: found }));
    } catch {
      // The browser stores nothing; writing works without it.
    }
  };

  const body = (more) => {
    const typed = words(values());
    const isNews = typed !== confirmed;
    const isWorthKeeping = typed !== initial || !fresh;
    const bare = { csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value, unsaved: box.value };
    const written = new URLSearchParams(isNews && isWorthKeeping ? new FormData(form) : bare);
    const query = new URLSearchParams(location.search);
    query.delete("form"); // is kept as the field `id`
    written.set("path", location.pathname + (query.size ? `?${query}` : ""));
    if (isNews) written.set("typed", isWorthKeeping ? "yes" : "no");
    for (const [name, value] of Object.entries(more)) written.set(name, value);
    return [written, typed];
  };

  const send = async () => {
    if (sending || isSent) return;
    sending = true;
    try {
      const [written, typed] = body({});
      const answer = await fetch(form.dataset.keepAt, { method: "POST", body: written, redirect: "error" });
      if (answer.status === 409) {
        newKey(); // this form was saved before: Back, or another tab
        confirmed = fresh ? initial : "";
        return;
      }
      if (!answer.ok) throw new Error(answer.statusText);
      const { said } = await answer.json();
      const isNews = typed !== confirmed;
      confirmed = typed;
      if (isNews) {
        state.textContent = said;
        if (stored(here)) keepHere(false);
      }
      state.classList.remove("kept-state-lost");
    } catch {
      if (words(values()) === confirmed) return;
      state.textContent = state.dataset.lost;
      state.classList.add("kept-state-lost");
    } finally {
      sending = false;
    }
  };

  const leave = () => {
    if (isSent) return;
    try {
      fetch(form.dataset.keepAt, { method: "POST", body: body({ left: "yes" })[0], keepalive: true }).catch(() => {});
    } catch {
      // Too long for a page that is left; this browser has kept it.
    }
  };

  const restore = (found) => {
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = field.name in found;
    }
    for (const [name, value] of Object.entries(found)) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.type !== "checkbox") field.value = value;
      const part = field.closest?.("details");
      if (part && value) part.open = true;
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const offer = form.querySelector("[data-kept]");
  const kept = fresh ? stored(here) : null;
  if (kept && !kept.confirmed && words(kept.values) !== initial) {
    offer.hidden = false;
    const language = document.documentElement.lang;
    const style = { dateStyle: "medium", timeStyle: "short", timeZone: offer.dataset.zone };
    const locale = language === "en" ? "en-GB" : language; // not 11/25/2026
    offer.querySelector("[data-when]").textContent = new Date(kept.at).toLocaleString(locale, style);
    const isText = ([name]) => form.elements[name]?.matches?.("textarea, [lang]");
    const written = texts(kept.values).filter(isText).map(([, value]) => value);
    const longest = written.sort((a, b) => b.length - a.length)[0] ?? "";
    offer.querySelector("[data-excerpt]").textContent = longest.slice(0, 200);
    offer.querySelector("[data-restore]").addEventListener("click", () => {
      restore(kept.values);
      offer.hidden = true;
    });
    offer.querySelector("[data-discard]").addEventListener("click", () => {
      localStorage.removeItem(here);
      offer.hidden = true;
    });
  }

  let soon;
  let later;
  form.addEventListener("input", ({ target }) => {
    if (target.name === "preview") return;
    clearTimeout(soon);
    soon = setTimeout(() => keepHere(false), 400);
    clearTimeout(later);
    later = setTimeout(send, 1000);
  });
  form.addEventListener("submit", ({ submitter, defaultPrevented }) => {
    if (defaultPrevented || submitter?.hasAttribute("formtarget")) return;
    clearTimeout(soon);
    clearTimeout(later);
    keepHere(true);
    isSent = true;
  });
  document.getElementById("logout-form")?.addEventListener("submit", () => {
    clearTimeout(soon); // the copy in this browser has just been deleted
    leave();
    isSent = true;
  });
  setInterval(() => document.hidden || send(), BEAT);
  document.addEventListener("visibilitychange", () => document.hidden || send());
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isSent = false; // after Back; the server may have saved it
    send();
  });
  send();
}
