// Says so when the page has been written anew since it was loaded, and when nobody can tell for some minutes.
// It never reloads by itself, asks for nothing while the tab is hidden, and the reader can switch it off.
const notice = document.querySelector(".fresh");
const watch = document.querySelector(".watch");
const loaded = Date.parse(document.lastModified);
const patience = 300000; // ms
let heard = Date.now();

async function isNew() {
  const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-cache" });
  // A cache that cannot reach the page answers with what it has, and says how old that is.
  const isStale = answer.headers.get("age") * 1000 > patience;
  if (!answer.ok || isStale) throw new Error(answer.status);
  return Date.parse(answer.headers.get("last-modified")) > loaded + 1000;
}

function say(state, ...parts) {
  if (notice.dataset.state === state) return; // read aloud once
  notice.dataset.state = state;
  notice.replaceChildren(...parts);
}

async function look() {
  if (document.hidden || !watch.control.checked || notice.dataset.state === "changed") return;
  try {
    const changed = await isNew();
    heard = Date.now();
    if (!changed) return say("");
    const link = document.createElement("a");
    link.href = location.pathname;
    link.textContent = notice.dataset.show;
    say("changed", `${notice.dataset.changed} `, link);
  } catch {
    if (Date.now() - heard > patience) say("old", notice.dataset.old);
  }
}

if (notice && watch) {
  watch.hidden = false;
  watch.addEventListener("change", look);
  setInterval(look, 60000);
  document.addEventListener("visibilitychange", look);
}
