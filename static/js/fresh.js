// Shows a notice when the page was published again since it was loaded, or when that is unknown for some minutes.
// It never reloads the page, sends nothing while the tab is hidden, and can be switched off.
const notice = document.querySelector(".fresh");
const watch = document.querySelector(".watch");
const loaded = Date.parse(document.lastModified);
const timeout = 300000; // ms
let heard = Date.now();

async function isNew() {
  const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-cache" });
  // A cache that cannot reach the server responds with its copy and its age.
  const isStale = answer.headers.get("age") * 1000 > timeout;
  if (!answer.ok || isStale) throw new Error(answer.status);
  return Date.parse(answer.headers.get("last-modified")) > loaded + 1000;
}

function say(state, ...parts) {
  if (notice.dataset.state === state) return; // announced once
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
    if (Date.now() - heard > timeout) say("old", notice.dataset.old);
  }
}

if (notice && watch) {
  watch.hidden = false;
  watch.addEventListener("change", look);
  setInterval(look, 60000);
  document.addEventListener("visibilitychange", look);
}
