// Says so when the page has been written anew since it was loaded; it never reloads by itself.
const notice = document.querySelector(".fresh");
const loaded = Date.parse(document.lastModified);

async function look() {
  if (document.hidden || notice.textContent) return;
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-cache" });
    const written = Date.parse(answer.headers.get("last-modified"));
    if (answer.ok && written > loaded + 1000) {
      const link = document.createElement("a");
      link.href = location.pathname;
      link.textContent = notice.dataset.show;
      notice.append(`${notice.dataset.changed} `, link);
    }
  } catch {
    // No answer says nothing about the page; the next look may have one.
  }
}

if (notice) {
  setInterval(look, 60000);
  document.addEventListener("visibilitychange", look);
}
