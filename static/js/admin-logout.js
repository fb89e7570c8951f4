// The computer may be shared: at log-out, the browser deletes its copy of unsaved text. The server keeps its own.
document.getElementById("logout-form")?.addEventListener("submit", () => {
  for (const key of Object.keys(localStorage)) if (key.startsWith("writing:")) localStorage.removeItem(key);
});
